// Data of the site comes as scripts that call NS.<name>(key, value): a page opened from a file may load those.
var NS = (function () {
  "use strict";
  var store = { map: {}, labels: {}, index: {}, buckets: {} }, waiting = {};
  var api = { store: store };
  Object.keys(store).forEach(function (name) {
    api[name] = function (key, value) {
      store[name][key] = value;
      (waiting[name + "/" + key] || []).forEach(function (done) { done(value); });
      delete waiting[name + "/" + key];
    };
  });
  // Promise of a part: loads its script once.
  api.load = function (name, key) {
    if (store[name][key] !== undefined) return Promise.resolve(store[name][key]);
    return new Promise(function (done) {
      var id = name + "/" + key;
      if (waiting[id]) { waiting[id].push(done); return; }
      waiting[id] = [done];
      var script = document.createElement("script");
      script.src = "data/" + id + ".js";
      script.onerror = function () { api[name](key, null); };
      document.head.appendChild(script);
    });
  };
  // Promise of [name, page, label, kind] of one neuron.
  api.neuron = function (ordinal) {
    var chunk = store.map[0].chunk;
    return api.load("labels", Math.floor(ordinal / chunk)).then(function (rows) { return rows[ordinal % chunk]; });
  };
  api.kinds = ["metadata", "words", "tags", "length", "none"];
  return api;
})();
