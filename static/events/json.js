// JSON whose numbers stay what they are: JavaScript's are exact to 2^53 only.

const PART = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[[\]{},:]|true|false|null/g;

const isExact = (number) => String(Number(number)) === number;

// Read JSON; a number that JavaScript would change is the text of it.
export function parse(text) {
  return JSON.parse(text.replace(PART, (part) => (/^[-\d]/.test(part) && !isExact(part) ? `"${part}"` : part)));
}

// Lay JSON out to be read, as `JSON.stringify` does, but word for word.
export function indent(text) {
  const parts = text.match(PART) ?? [];
  let depth = 0;
  return parts.map((part, place) => {
    const line = () => `\n${"  ".repeat(depth)}`;
    if (part === "}" || part === "]") {
      depth -= 1;
      return "{[".includes(parts[place - 1]) ? part : line() + part;
    }
    if (part === "{" || part === "[") {
      depth += 1;
      return "}]".includes(parts[place + 1]) ? part : part + line();
    }
    if (part === ",") return part + line();
    return part === ":" ? ": " : part;
  }).join("");
}
