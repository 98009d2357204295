// The map on the front page: one canvas a layer, one square a unit.
(function () {
  "use strict";
  var map = NS.store.map[0], holder = document.getElementById("map"), tip = document.getElementById("tip");
  var legend = document.getElementById("legend"), select = document.getElementById("metric");
  var ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  var NAMES = { words: "words", metadata: "source of the text", tags: "parts of speech", length: "length", none: "nothing" };
  var chosen = -1, panels = [], colours = [];

  // Canvas knows no variables and no light-dark(): let the browser resolve a colour on an element.
  var probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  function colour(css) { probe.style.color = css; return getComputedStyle(probe).color; }
  function slug(panel, place) {
    var unit = typeof panel.layer.units === "number" ? place : panel.layer.units[place];
    var site = panel.layer.slug;
    return site.slice(0, -1) + "-U" + String(unit).padStart(4, "0") + site.slice(-1);
  }
  function ramp(share) {
    return colour("color-mix(in oklab, var(--ramp-high) " + Math.round(100 * share) + "%, var(--ramp-low))");
  }

  function palette() {
    return chosen < 0 ? NS.kinds.map(function (kind) { return colour("var(--" + kind + ")"); })
      : Array.from({ length: 64 }, function (_, i) { return ramp(i / 63); });
  }

  function draw(panel) {
    var ratio = window.devicePixelRatio || 1, width = panel.canvas.clientWidth;
    var cell = width / panel.columns, height = cell * panel.rows;
    panel.cell = cell;
    panel.canvas.width = Math.round(width * ratio);
    panel.canvas.height = Math.round(height * ratio);
    panel.canvas.style.height = height + "px";
    var context = panel.canvas.getContext("2d");
    context.scale(ratio, ratio);
    var gap = cell > 5 ? 1 : 0.5;
    for (var i = 0; i < panel.count; i++) {
      var value = chosen < 0 ? +panel.layer.kinds[i] : ALPHABET.indexOf(panel.layer.metrics[chosen][i]);
      context.fillStyle = colours[value];
      context.fillRect((i % panel.columns) * cell, Math.floor(i / panel.columns) * cell, cell - gap, cell - gap);
    }
    if (panel.at !== null) {
      context.strokeStyle = colour("var(--ink)");
      context.lineWidth = 2;
      context.strokeRect((panel.at % panel.columns) * cell, Math.floor(panel.at / panel.columns) * cell, cell - gap, cell - gap);
    }
  }

  function point(panel, place) {
    panels.forEach(function (other) { if (other !== panel && other.at !== null) { other.at = null; draw(other); } });
    if (place === panel.at) return;
    panel.at = place;
    draw(panel);
    if (place === null) { tip.textContent = ""; return; }
    NS.neuron(panel.layer.first + place).then(function (row) {
      if (panel.at !== place) return;
      tip.textContent = "";
      var name = document.createElement("b"), label = document.createElement("span");
      name.textContent = row[0];
      label.textContent = row[2];
      label.className = "kind-" + NS.kinds[row[3]];
      tip.append(name, " ", label);
    });
  }

  function placeOf(panel, event) {
    var box = panel.canvas.getBoundingClientRect();
    var column = Math.floor((event.clientX - box.left) / panel.cell), line = Math.floor((event.clientY - box.top) / panel.cell);
    var place = line * panel.columns + column;
    return column >= 0 && column < panel.columns && place >= 0 && place < panel.count ? place : null;
  }

  function open(panel, place) { if (place !== null) location.href = "neurons/" + slug(panel, place) + ".html"; }

  map.layers.forEach(function (layer) {
    var count = layer.kinds.length, columns = Math.min(count, Math.ceil(Math.sqrt(count * 1.5)));
    for (var wide = columns; wide < columns * 1.35; wide++) if (count % wide === 0) { columns = wide; break; }
    var figure = document.createElement("figure"), caption = document.createElement("figcaption");
    var link = document.createElement("a"), canvas = document.createElement("canvas");
    link.href = "groups/" + layer.slug + ".html";
    link.textContent = layer.title;
    caption.append(link);
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", layer.title + ": " + count + " units; arrow keys move, Enter opens; the layer's list has the same");
    figure.append(caption, canvas);
    holder.append(figure);
    var panel = { layer: layer, canvas: canvas, count: count, columns: columns, rows: Math.ceil(count / columns), at: null };
    panels.push(panel);
    canvas.addEventListener("pointermove", function (event) { point(panel, placeOf(panel, event)); });
    canvas.addEventListener("pointerleave", function () { point(panel, null); });
    canvas.addEventListener("click", function (event) { open(panel, placeOf(panel, event)); });
    canvas.addEventListener("keydown", function (event) {
      var step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      if (step) {
        event.preventDefault();
        point(panel, Math.max(0, Math.min(count - 1, (panel.at === null ? -step : panel.at) + step)));
      } else if (event.key === "Enter") open(panel, panel.at);
    });
    canvas.addEventListener("blur", function () { point(panel, null); });
  });

  function drawLegend() {
    legend.textContent = "";
    if (chosen < 0) {
      ["words", "metadata", "tags", "length", "none"].forEach(function (kind) {
        var entry = document.createElement("span");
        entry.className = "kind-" + kind;
        entry.textContent = NAMES[kind];
        legend.append(entry);
      });
      return;
    }
    var metric = map.metrics[chosen], bar = document.createElement("i");
    bar.className = "ramp";
    legend.append(metric.low + " ", bar, " " + metric.high + " " + metric.unit);
  }

  map.metrics.forEach(function (metric, number) {
    var option = document.createElement("option");
    option.value = number;
    option.textContent = metric.name;
    select.append(option);
  });
  function all() { colours = palette(); drawLegend(); panels.forEach(draw); }
  select.addEventListener("change", function () { chosen = +select.value; all(); });
  window.addEventListener("resize", all);
  document.addEventListener("themechange", all);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  select.value = "-1";
  all();
})();
