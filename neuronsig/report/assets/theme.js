// Light or dark: the system's choice until the reader makes one. Runs before the body is drawn.
(function () {
  "use strict";
  var root = document.documentElement;
  try { var kept = localStorage.getItem("neuronsig-theme"); if (kept) root.dataset.theme = kept; } catch (e) { /* no storage from a file in some browsers */ }
  document.addEventListener("DOMContentLoaded", function () {
    var button = document.querySelector(".theme");
    if (!button) return;
    button.addEventListener("click", function () {
      var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      try { localStorage.setItem("neuronsig-theme", root.dataset.theme); } catch (e) { /* as above */ }
      document.dispatchEvent(new Event("themechange"));
    });
  });
  document.addEventListener("keydown", function (event) {
    if (event.target.matches("input, select, textarea, canvas") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      var box = document.querySelector("#q") || document.querySelector("#q-top");
      if (box) { event.preventDefault(); box.focus(); }
    }
    var rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
    var link = rel && document.querySelector("a[rel=" + rel + "]");
    if (link) location.href = link.href;
  });
})();
