// Search: terms are looked up in small index scripts named by their first letters; nothing is fetched.
(function () {
  "use strict";
  var KINDS = NS.store.buckets[0].kinds;
  var SHOWN = 60;
  var box = document.getElementById("q"), top = document.getElementById("q-top");
  var results = document.getElementById("results"), status = document.getElementById("status");
  var buckets = new Set(NS.store.buckets[0].names), turn = 0;

  function normalise(text) { return text.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " "); }
  function terms(text) { return text.split(/[\s=]+/).filter(function (word) { return word && word !== "+"; }); }
  function bucket(term) {
    if (/^[a-z0-9]/.test(term)) return term[0] + (/^[a-z0-9]$/.test(term[1] || "") ? term[1] : "_");
    return "u" + (term.codePointAt(0) >> 8).toString(16);
  }
  // Map neuron -> {weight, term, kind, share, reference}: the best posting of a term, or of terms beginning so.
  function lookUp(term, prefix) {
    var name = bucket(term), names = [name];
    if (prefix && term.length === 1) names = Array.from(buckets).filter(function (b) { return b[0] === term; });
    return Promise.all(names.filter(function (n) { return buckets.has(n); }).map(function (n) { return NS.load("index", n); }))
      .then(function (parts) {
        var found = new Map();
        parts.forEach(function (part) {
          Object.keys(part || {}).forEach(function (key) {
            if (key !== term && !(prefix && key.startsWith(term) && key.indexOf(" ") < 0)) return;
            var flat = part[key];
            for (var i = 0; i < flat.length; i += 5) {
              var weight = flat[i + 4] * (key === term ? 2 : 1), held = found.get(flat[i]);
              if (!held || held.weight < weight) {
                found.set(flat[i], { weight: weight, term: key, kind: flat[i + 1], share: flat[i + 2], reference: flat[i + 3] });
              }
            }
          });
        });
        return found;
      });
  }
  function parsed(query) {
    var match = /^(?:(hidden|mlp|attention):)?l(\d+)\/?u(\d+)([+-]?)$/.exec(query.replace(/\s+/g, ""));
    if (!match) return null;
    return { slug: (match[1] || "hidden") + "-L" + match[2].padStart(2, "0") + (match[4] === "-" ? "n" : "p"), unit: +match[3] };
  }
  function named(name) {
    var layer = NS.store.map[0].layers.find(function (entry) { return entry.slug === name.slug; });
    if (!layer) return [];
    var unit = name.unit, place = typeof layer.units === "number" ? (unit < layer.units ? unit : -1) : layer.units.indexOf(unit);
    return place < 0 ? [] : [layer.first + place];
  }
  // A constant unit has a page, and no label.
  function constant(name) {
    if ((NS.store.map[0].constant[name.slug] || []).indexOf(name.unit) < 0) return false;
    var item = document.createElement("li"), link = document.createElement("a");
    link.href = "neurons/" + name.slug.slice(0, -1) + "-U" + String(name.unit).padStart(4, "0") + name.slug.slice(-1) + ".html";
    link.textContent = "constant: the same activation for every sentence";
    item.append(link);
    results.replaceChildren(item);
    status.textContent = "1 neuron";
    return true;
  }
  function search(text) {
    var query = normalise(text), mine = ++turn;
    history.replaceState(null, "", query ? "?q=" + encodeURIComponent(text.trim()) : location.pathname);
    if (!query) { results.textContent = ""; status.textContent = ""; return; }
    var name = parsed(query);
    if (name) {
      if (!constant(name)) show(named(name).map(function (o) { return { ordinal: o, matches: [] }; }), text, mine);
      return;
    }
    var words = terms(query);
    var jobs = words.map(function (word, i) { return lookUp(word, i === words.length - 1); });
    jobs.push(words.length > 1 ? lookUp(query, false) : Promise.resolve(new Map()));
    Promise.all(jobs).then(function (maps) {
      var whole = maps.pop(), found = [];
      if (maps.length) maps[0].forEach(function (first, ordinal) {
        var hits = maps.map(function (m) { return m.get(ordinal); });
        if (hits.some(function (hit) { return !hit; })) return;
        var exact = whole.get(ordinal), weight = hits.reduce(function (sum, hit) { return sum + hit.weight; }, 0);
        found.push({ ordinal: ordinal, weight: weight + (exact ? 1000 + exact.weight : 0), matches: exact ? [exact] : hits });
      });
      found.sort(function (a, b) { return b.weight - a.weight || a.ordinal - b.ordinal; });
      show(found, text, mine);
    });
  }
  function percent(tenths) { return tenths >= 100 ? Math.round(tenths / 10) + "%" : tenths === 0 ? "<0.1%" : tenths / 10 + "%"; }
  function show(found, text, mine) {
    var shown = found.slice(0, SHOWN);
    Promise.all(shown.map(function (hit) { return NS.neuron(hit.ordinal); })).then(function (rows) {
      if (mine !== turn) return;
      results.textContent = "";
      status.textContent = !found.length ? "No neuron's signature has “" + text.trim() + "”."
        : (found.length === 1 ? "1 neuron" : found.length.toLocaleString("en") + " neurons")
          + (found.length > SHOWN ? ", the strongest " + SHOWN + " shown" : "");
      rows.forEach(function (row, i) {
        var item = document.createElement("li"), link = document.createElement("a"), label = document.createElement("span");
        link.href = "neurons/" + row[1] + ".html";
        link.textContent = row[0];
        label.textContent = row[2];
        label.className = "kind-" + NS.kinds[row[3]];
        label.dir = "auto";
        var why = document.createElement("small");
        why.textContent = shown[i].matches.filter(function (hit) { return hit.kind < KINDS.length; }).map(function (hit) {
          return KINDS[hit.kind] + " “" + hit.term + "” " + percent(hit.share) + (hit.reference < 0 ? "" : " (corpus " + percent(hit.reference) + ")");
        }).join(" · ");
        item.append(link, " ", label, why);
        results.append(item);
      });
    });
  }
  function fromAddress() {
    var query = new URLSearchParams(location.search).get("q");
    if (query === null && location.hash.indexOf("#q=") === 0) query = decodeURIComponent(location.hash.slice(3));
    box.value = top.value = query || "";
    search(box.value);
  }
  document.getElementById("search").addEventListener("submit", function (event) { event.preventDefault(); search(box.value); });
  box.addEventListener("input", function () { top.value = box.value; search(box.value); });
  window.addEventListener("hashchange", fromAddress);
  fromAddress();
})();
