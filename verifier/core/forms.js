// What a leaf may say: every member, with what it may hold, and no other. The forms are those of domain/ledger/forms.py.

import { refuse } from "./errors.js";
import { isObject, LARGEST_INTEGER } from "./json.js";
import { FORMS } from "./tables.js";

const patterns = new Map();

function matches(pattern, text) {
  if (!patterns.has(pattern)) patterns.set(pattern, new RegExp(pattern, "u"));
  return patterns.get(pattern).test(text);
}

/** Where a value is not of a form: a path, or null where it is. A form is [kind, what it asks]. */
function fault(form, value, path) {
  const [kind, inner] = form;
  switch (kind) {
    case "text":
      return typeof value === "string" && (inner === undefined || matches(inner, value)) ? null : path;
    case "one of":
      return inner.includes(value) ? null : path;
    case "whole":
      return Number.isInteger(value) && value >= 0 && value <= LARGEST_INTEGER ? null : path;
    case "flag":
      return typeof value === "boolean" ? null : path;
    case "some":
      return value && (typeof value !== "object" || Object.keys(value).length) ? fault(inner, value, path) : path;
    case "maybe":
      return value === null ? null : fault(inner, value, path);
    case "list":
      return Array.isArray(value) ? firstFault(value.map((each, at) => [inner, each, at]), path) : path;
    case "few":
      return Array.isArray(value) && value.length <= inner[1] ? fault(["list", inner[0]], value, path) : path;
    case "named":
      return isObject(value) ? firstFault(Object.keys(value).map((name) => [inner, value[name], name]), path) : path;
    case "object":
      return isObject(value) ? objectFault(inner, value, path) : path;
    default:
      throw new Error(`${kind} is no form`);
  }
}

function firstFault(parts, path) {
  for (const [form, value, name] of parts) {
    const found = fault(form, value, `${path}.${name}`);
    if (found !== null) return found;
  }
  return null;
}

/** `members` has for each name [whether it must be there, its form]. */
function objectFault(members, value, path) {
  for (const name of Object.keys(value)) if (!Object.hasOwn(members, name)) return `${path}.${name.slice(0, 60)}`;
  for (const name of Object.keys(members)) {
    const [required, form] = members[name];
    if (!Object.hasOwn(value, name)) {
      if (required) return `${path}.${name}`;
      continue;
    }
    const found = fault(form, value[name], `${path}.${name}`);
    if (found !== null) return found;
  }
  return null;
}

/** Exactly these members, each as it must be. Throws MalformedRecord, naming the first that is not. */
export function checkForm(kind, value, where = "") {
  const found = fault(FORMS[kind], value, kind);
  if (found !== null) refuse("MalformedRecord", `${where}${found} is not as it must be`);
}
