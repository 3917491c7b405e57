// The parts of a page that are replaced as they change: those marked `data-part`, by their ids.

const shown = new WeakMap();

// Only what differs is replaced, and what is open, selected or in the keyboard's focus stays so.
// `replaced` is called with each.
export function replaceParts(fresh, replaced = () => {}) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.getElementById(part.id);
    const html = other?.innerHTML;
    if (!other || html === shown.get(part) || isSelected(part)) continue;
    const focus = part.contains(document.activeElement) ? describe(document.activeElement) : null;
    const open = part.querySelector("details")?.open;
    shown.set(part, html);
    part.replaceChildren(...other.childNodes);
    const details = part.querySelector("details");
    if (details && open) details.open = true;
    replaced(part);
    if (focus) part.querySelector(focus)?.focus({ preventScroll: true });
  }
}

function isSelected(part) {
  const selection = getSelection();
  return !selection.isCollapsed && selection.containsNode(part, true);
}

function describe(element) {
  if (element.rel) return `a[rel="${element.rel}"]`;
  if (element.href) return `a[href="${CSS.escape(element.getAttribute("href"))}"]`;
  if (element.matches(".legend")) return `.${[...element.classList].at(-1)}`;
  return element.matches("summary") ? "summary" : null;
}
