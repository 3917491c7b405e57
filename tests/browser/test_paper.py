"""What is printed of an event: all of its page, folded or scrolled there, and nothing to press."""

import json
from typing import Any

# The first element that cuts off where a text stands, if one does.
HIDDEN_BY = """(text) => {
  const walker = document.createTreeWalker(content, NodeFilter.SHOW_TEXT);
  let node;
  while (walker.nextNode()) if (walker.currentNode.data.includes(text)) node = walker.currentNode;
  const range = document.createRange();
  const at = node.data.indexOf(text);
  range.setStart(node, at);
  range.setEnd(node, at + text.length);
  const box = range.getBoundingClientRect();
  if (!box.height) return "not drawn";
  for (let above = node.parentElement; above; above = above.parentElement) {
    const outer = above.getBoundingClientRect();
    const cuts = getComputedStyle(above).overflowY !== "visible";
    if (cuts && box.bottom > outer.bottom + 1) return above.outerHTML.slice(0, 80);
  }
  return null;
}"""


def test_paper_holds_all_of_an_event(visit: Any) -> None:
    seen = visit()
    context = {f"key {number}": ["value"] * 3 for number in range(200)}
    message = "\n".join(f"line {number}" for number in range(100))
    page = seen.page
    page.goto(f"/admin/events/systemevent/{seen.add(message, context=json.dumps(context))}/change/")
    page.emulate_media(media="print", color_scheme="dark")
    for text in ("line 99", '"key 199"'):
        hidden = page.evaluate(HIDDEN_BY, text)
        assert hidden is None, hidden
    assert page.get_by_role("button").count() == 0
