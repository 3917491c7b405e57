// The filters' panel: opened by a button where there is no room for it, and addresses kept short.

const list = document.getElementById("changelist");
const toggle = document.getElementById("filters-toggle");
const form = document.getElementById("typed-filters");

toggle?.addEventListener("click", () => {
  const open = list.classList.toggle("filters-open");
  toggle.setAttribute("aria-expanded", String(open));
});

form?.addEventListener("submit", () => {
  const named = [...form.elements].filter((field) => field.name);
  const empty = named.filter((field) => !field.value);
  if (empty.length === named.length) return; // an address without parameters opens a default view
  for (const field of empty) field.disabled = true;
  // The browser may show this page again, from memory, by its back button.
  setTimeout(() => empty.forEach((field) => { field.disabled = false; }));
});
