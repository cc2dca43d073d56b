(() => {
  "use strict";
  const all = (what, within = document) => Array.from(within.querySelectorAll(what));
  const make = (tag, name, text) => {
    const node = document.createElement(tag);
    if (name) node.className = name;
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const size = (bytes) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (bytes >= 1000 && unit < 4) {
      bytes /= 1000;
      unit += 1;
    }
    return bytes.toFixed(unit > 1 ? 1 : 0) + " " + units[unit];
  };
  const count = (number) => number.toLocaleString("en-US");

  // Dark or light: the system's choice until the reader makes one.
  const theme = document.getElementById("theme");
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme
      ? root.dataset.theme === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // Tables.
  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.v);
  };
  const sort = (table, column, falling) => {
    const body = table.tBodies[0];
    const rows = Array.from(body.rows).map((row, place) => [value(row, column), place, row]);
    const sign = falling ? -1 : 1;
    rows.sort((a, b) => (a[0] < b[0] ? -sign : a[0] > b[0] ? sign : a[1] - b[1]));
    body.append(...rows.map((row) => row[2]));
    for (const head of table.tHead.rows[0].cells) head.removeAttribute("aria-sort");
    table.tHead.rows[0].cells[column].setAttribute("aria-sort", falling ? "descending" : "ascending");
  };
  for (const table of all("table.sortable")) {
    const choice = make("select");
    const label = make("label", "sortby", "Sort by ");
    label.append(choice);
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      if (head.dataset.plain !== undefined) return;
      const button = make("button", "", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const sorted = head.getAttribute("aria-sort");
        sort(table, column, sorted ? sorted === "ascending" : head.classList.contains("num"));
      });
      const option = make("option", "", button.textContent);
      option.value = column;
      choice.append(option);
    });
    choice.selectedIndex = -1;
    choice.addEventListener("change", () => {
      const column = Number(choice.value);
      sort(table, column, table.tHead.rows[0].cells[column].classList.contains("num"));
    });
    if (table.classList.contains("cards")) table.parentNode.before(label);
  }
  for (const input of all("input[data-filter]")) {
    const table = document.getElementById(input.dataset.filter);
    if (!table) continue;
    const bar = input.closest(".filter");
    const group = bar.querySelector("select[data-class]");
    const told = bar.querySelector("output");
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        const fits = words.every((word) => text.includes(word))
          && (!group || !group.value || row.dataset.group === group.value);
        row.hidden = !fits;
        if (fits) shown += 1;
      }
      const rows = table.tBodies[0].rows.length;
      if (told) told.textContent = shown === rows ? count(rows) + " rows" : count(shown) + " of " + count(rows) + " rows";
    };
    apply();
    input.addEventListener("input", apply);
    if (group) group.addEventListener("change", apply);
  }

  // Rectangles as square as can be, each as large as its value (Bruls, Huizing, van Wijk: Squarified Treemaps).
  const squarify = (items, x, y, width, height) => {
    const total = items.reduce((sum, item) => sum + item.area, 0);
    const out = [];
    if (!(total > 0) || width <= 0 || height <= 0) return out;
    const scale = (width * height) / total;
    let row = [];
    let sum = 0;
    const worst = (add) => {
      const side = Math.min(width, height);
      const areas = row.concat(add).map((item) => item.area * scale);
      const whole = areas.reduce((a, b) => a + b, 0);
      return Math.max(...areas.map((area) => Math.max((side * side * area) / (whole * whole), (whole * whole) / (side * side * area))));
    };
    const close = () => {
      const upright = width >= height;
      const side = upright ? height : width;
      const depth = (sum * scale) / side;
      let at = upright ? y : x;
      for (const item of row) {
        const length = (item.area * scale) / depth;
        out.push(upright ? { item, x, y: at, w: depth, h: length } : { item, x: at, y, w: length, h: depth });
        at += length;
      }
      if (upright) {
        x += depth;
        width -= depth;
      } else {
        y += depth;
        height -= depth;
      }
      row = [];
      sum = 0;
    };
    for (const item of items) {
      if (row.length && worst([]) < worst([item])) close();
      row.push(item);
      sum += item.area;
    }
    if (row.length) close();
    return out;
  };

  const FILE = 0, FOLDER = 1, CLOSED = 2, MORE = 3;
  for (const section of all("section.map")) {
    const data = JSON.parse(document.getElementById(section.dataset.map).textContent);
    const children = data.p.map(() => []);
    data.p.forEach((parent, node) => { if (node > 0) children[parent].push(node); });
    section.querySelector(".needs-script").remove();
    section.querySelector(".filter").hidden = false;
    const measure = section.querySelector(".measure");
    const field = section.querySelector(".tree");
    field.hidden = false;
    const crumbs = section.querySelector(".crumbs");
    const told = section.querySelector(".told");
    let here = 0;

    const amount = (node) => data[measure.value][node];
    const stored = (node) => data.b[node] + data.d[node];
    const path = (node) => {
      const parts = [];
      for (let at = node; at > 0; at = data.p[at]) parts.unshift(data.n[at]);
      return "/" + parts.join("/");
    };
    const colour = (node) => {
      const share = stored(node) ? data.w[node] / stored(node) : 0;
      return share > 0.5 ? "k2" : share > 0.05 ? "k1" : "k0";
    };
    const describe = (node) => {
      const kind = data.k[node];
      const where = kind === MORE ? path(data.p[node]) + ": " + data.n[node] : path(node);
      const files = data.f[node] === 1 ? "1 file" : count(data.f[node]) + " files";
      const wasted = data.w[node] ? ", " + size(data.w[node]) + " wasted" : "";
      const closed = kind === CLOSED ? " (too small to be shown in parts)" : "";
      return where + ": " + size(data.b[node]) + " in the final file system, " + files + wasted + closed;
    };
    const opens = (node) => data.k[node] === FOLDER && children[node].some((child) => amount(child) > 0);
    const parts = (node) => children[node]
      .map((child) => ({ node: child, area: amount(child) }))
      .filter((part) => part.area > 0)
      .sort((a, b) => b.area - a.area);

    const draw = (focus) => {
      const box = field.getBoundingClientRect();
      field.replaceChildren();
      const place = (tile, at) => {
        tile.style.left = at.x + "px";
        tile.style.top = at.y + "px";
        tile.style.width = Math.max(at.w, 0) + "px";
        tile.style.height = Math.max(at.h, 0) + "px";
      };
      const inside = (node, x, y, w, h, depth) => {
        if (depth === 0 || w < 40 || h < 34 || field.childElementCount > 2000) return;
        for (const at of squarify(parts(node), x, y, w, h)) {
          if (at.w < 3 || at.h < 3) continue;
          const tile = make("div", "tile inner " + colour(at.item.node));
          tile.setAttribute("aria-hidden", "true");
          if (at.w > 34 && at.h > 15) tile.textContent = data.n[at.item.node];
          place(tile, at);
          field.append(tile);
          inside(at.item.node, at.x + 3, at.y + 17, at.w - 6, at.h - 20, depth - 1);
        }
      };
      let target = null;
      const found = squarify(parts(here), 0, 0, box.width - 2, box.height - 2);
      for (const at of found) {
        const node = at.item.node;
        const tile = make("div", "tile " + colour(node) + (opens(node) ? " folder" : "") + (data.k[node] === MORE ? " more" : ""));
        tile.dataset.node = node;
        tile.setAttribute("role", "button");
        tile.setAttribute("aria-label", describe(node));
        tile.tabIndex = -1;
        if (at.w > 30 && at.h > 15) {
          const slash = data.k[node] === FOLDER || data.k[node] === CLOSED ? "/" : "";
          tile.textContent = data.n[node] + slash + (at.w > 120 ? "  " + size(amount(node)) : "");
        }
        place(tile, at);
        field.append(tile);
        inside(node, at.x + 3, at.y + 18, at.w - 6, at.h - 21, 6);
        if (!target || node === focus) target = tile;
      }
      if (target) target.tabIndex = 0;
      if (focus !== undefined && target) target.focus({ preventScroll: true });
      crumbs.replaceChildren();
      const above = [];
      for (let at = here; ; at = data.p[at]) {
        above.unshift(at);
        if (at === 0) break;
      }
      above.forEach((node, depth) => {
        const crumb = make("button", "", node === 0 ? "/" : data.n[node] + (depth < above.length - 1 ? " /" : ""));
        crumb.type = "button";
        if (node === here) crumb.setAttribute("aria-current", "true");
        crumb.addEventListener("click", () => go(node));
        crumbs.append(crumb);
      });
      told.textContent = field.childElementCount
        ? describe(here)
        : measure.value === "w" ? "Nothing is wasted here." : "There are no files here.";
    };
    const go = (node, focus) => {
      here = node;
      draw(focus);
    };
    const open = (node) => {
      if (opens(node)) go(node, -1);
      else told.textContent = describe(node);
    };
    const up = () => {
      if (here > 0) go(data.p[here], here);
    };
    const tileAt = (event) => {
      // Parts that are drawn inside a folder belong to it.
      const box = field.getBoundingClientRect();
      const x = event.clientX - box.left;
      const y = event.clientY - box.top;
      return all(".tile[data-node]", field).find((tile) => {
        const left = tile.offsetLeft, top = tile.offsetTop;
        return x >= left && y >= top && x < left + tile.offsetWidth && y < top + tile.offsetHeight;
      });
    };
    field.addEventListener("click", (event) => {
      const tile = tileAt(event);
      if (tile) open(Number(tile.dataset.node));
    });
    field.addEventListener("pointermove", (event) => {
      const tile = tileAt(event);
      if (tile) told.textContent = describe(Number(tile.dataset.node));
    });
    field.addEventListener("focusin", (event) => {
      if (event.target.dataset.node) told.textContent = describe(Number(event.target.dataset.node));
    });
    field.addEventListener("keydown", (event) => {
      const own = event.target;
      if (!own.dataset.node) return;
      const node = Number(own.dataset.node);
      const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.key === "Enter" || event.key === " ") open(node);
      else if (event.key === "Backspace" || event.key === "Escape") up();
      else if (ways[event.key]) {
        const [dx, dy] = ways[event.key];
        const middle = (tile) => [tile.offsetLeft + tile.offsetWidth / 2, tile.offsetTop + tile.offsetHeight / 2];
        const [x, y] = middle(own);
        let best = null;
        for (const tile of all(".tile[data-node]", field)) {
          const [tx, ty] = middle(tile);
          const along = (tx - x) * dx + (ty - y) * dy;
          const across = Math.abs((tx - x) * dy) + Math.abs((ty - y) * dx);
          if (tile !== own && along > 1 && (!best || along + 2 * across < best[0])) best = [along + 2 * across, tile];
        }
        if (best) {
          own.tabIndex = -1;
          best[1].tabIndex = 0;
          best[1].focus();
        }
      } else return;
      event.preventDefault();
    });
    measure.addEventListener("change", () => go(0));
    let width = 0;
    new ResizeObserver(() => {
      if (Math.abs(field.clientWidth - width) > 2) {
        width = field.clientWidth;
        draw();
      }
    }).observe(section);
    draw();
  }
  document.documentElement.dataset.ready = "true";
})();
