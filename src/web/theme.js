// Dark, light, or as the device says. Set before the first view is drawn.
import { remember, remembered } from "./text.js";

export function applyTheme(theme = remembered("theme") || "auto") {
  remember("theme", theme === "auto" ? null : theme);
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
