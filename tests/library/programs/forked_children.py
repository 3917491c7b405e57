"""Emit from forked children and their parent, which emits the argument before, if there is one."""

import sys

from forking import emit_some, fork_some, join
from noting import noted

for first in sys.argv[1:]:
    noted(first)
children = fork_some()
emit_some("parent")
join(children)
