"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("script");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Numbers are written in English; Spanish has a decimal comma and thin spaces.
  const swapped = { en: { ",": ".", "\u202f": "," }, es: { ".": ",", ",": "\u202f" } };
  const written = (number) =>
    root.lang === "es" ? number.replace(/[.,]/g, (c) => swapped.es[c]) : number;
  const turn = (within, letters) => {
    for (const number of all(".n", within)) {
      number.textContent = number.textContent.replace(/[.,\u202f]/g, (c) => letters[c] ?? c);
    }
  };
  const translate = (within) => {
    if (root.lang === "es") turn(within, swapped.es);
  };
  const speak = (lang) => {
    if (lang !== root.lang) turn(document, swapped[lang]);
    root.lang = lang;
    document.title = root.dataset[lang === "es" ? "titleEs" : "titleEn"];
  };
  const languages = navigator.languages ?? [navigator.language];
  const known = languages.map((tag) => tag.slice(0, 2)).find((tag) => tag === "en" || tag === "es");
  speak(known ?? "en");
  document.getElementById("language").addEventListener("click", () => {
    speak(root.lang === "en" ? "es" : "en");
  });

  document.getElementById("theme").addEventListener("click", () => {
    const chosen = root.dataset.theme;
    const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  const copying = (within) => {
    for (const button of all("[data-copy]", within)) {
      button.addEventListener("click", async () => {
        const text = document.getElementById(button.dataset.copy);
        try {
          await navigator.clipboard.writeText(text.textContent);
        } catch {
          getSelection().selectAllChildren(text);
          document.execCommand("copy");
        }
        button.classList.add("just");
        setTimeout(() => button.classList.remove("just"), 1600);
      });
    }
  };

  // Files made of what the page holds.
  const save = (content, type, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  // What a cell says in the language of the page; the whole number where it shows a rounded one.
  const plain = (cell) => {
    if (cell.dataset.v !== undefined) return cell.dataset.v;
    const copy = cell.cloneNode(true);
    all(`[lang]:not([lang="${root.lang}"]):not(.always), svg`, copy).forEach((part) => part.remove());
    return copy.textContent.trim();
  };
  const field = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const csv = (rows, name) => {
    const lines = rows.map((row) => row.map((cell) => field(String(cell ?? ""))).join(","));
    save(`${lines.join("\r\n")}\r\n`, "text/csv", name);
  };
  // A training of a comparison as a row.
  const columns = ["arm", "purpose", "rate", "weights_seed", "order_seed", "split_seed", "end",
    "diverged_at", "training_loss", "validation_loss", "validation_accuracy", "test_loss",
    "test_accuracy"];
  const trained = ({ arms, rates, protocol }, { arm, rate, purpose, seed, outcome }) => {
    const kinds = { final: protocol.finals, check: protocol.check };
    const seeds = (kinds[purpose] ?? protocol.tuning)[seed];
    const { end, test } = outcome;
    const last = outcome.validations.at(-1);
    return [arms[arm].name, purpose, rates[rate], seeds?.weights, seeds?.order, seeds?.split,
      end.diverged ? "diverged" : end, end.diverged?.step, outcome.curve.at(-1)?.loss,
      last?.loss, last?.accuracy, test?.loss, test?.accuracy];
  };
  const saves = (within) => {
    for (const button of all("[data-save]", within)) {
      button.addEventListener("click", () => {
        const text = document.getElementById(button.dataset.save).textContent;
        save(text, "application/json", button.dataset.name);
      });
    }
    for (const button of all("button[data-rows]", within)) {
      button.addEventListener("click", () => {
        const data = JSON.parse(document.getElementById(button.dataset.rows).textContent);
        csv([columns, ...data.runs.map((run) => trained(data, run))], button.dataset.name);
      });
    }
    for (const button of all("[data-csv]", within)) {
      button.addEventListener("click", () => {
        const rows = all("tr", document.getElementById(button.dataset.csv));
        csv(rows.map((row) => all("th, td", row).map(plain)), button.dataset.name);
      });
    }
  };
  // Rows of layers open and close; a link to one opens it.
  const open = (row, is) => {
    row.classList.toggle("open", is);
    row.nextElementSibling.classList.toggle("open", is);
    row.querySelector("button").setAttribute("aria-expanded", is);
  };
  for (const row of all("tr.layer")) {
    row.querySelector("button").addEventListener("click", () => {
      open(row, !row.classList.contains("open"));
    });
  }
  const follow = () => {
    const row = location.hash && document.getElementById(location.hash.slice(1));
    if (row && row.matches("tr.layer")) {
      open(row, true);
      row.scrollIntoView({ block: "start" });
      row.querySelector("button").focus({ preventScroll: true });
    }
  };
  addEventListener("hashchange", follow);
  for (const link of all("a.node")) {
    link.addEventListener("click", (event) => {
      // The same link once more changes no address, but would take the focus away.
      if (link.getAttribute("href") !== location.hash) return;
      event.preventDefault();
      follow();
    });
  }
  follow();

  // Values under the pointer, or at the place chosen with the arrow keys: a row of the figure's own
  // table, or of the table of layers.
  const tooltip = document.getElementById("tooltip");
  const copies = (element) => [...element.childNodes].map((node) => node.cloneNode(true));
  const words = (id) => copies(document.getElementById(id));
  const shown = (figure, cell) =>
    !cell.dataset.in || cell.dataset.in.split(" ").includes(figure.dataset.shows);
  const cells = (figure, row) =>
    all("[data-head]", row).filter((cell) => shown(figure, cell)).map((cell) => {
      const line = document.createElement("tr");
      const head = document.createElement("th");
      head.append(...words(cell.dataset.head));
      const value = document.createElement("td");
      value.textContent = cell.textContent;
      const predicted = document.createElement("td");
      predicted.textContent = written(cell.dataset.predicted ?? "");
      line.append(head, value, predicted);
      return line;
    });
  const heading = () => {
    const line = document.createElement("tr");
    for (const word of ["measured", "predicted"]) {
      const cell = document.createElement("th");
      cell.append(...words(`word-${word}`));
      line.append(cell);
    }
    line.prepend(document.createElement("td"));
    return line;
  };
  const follows = (figure) => {
    const plotted = figure.querySelector(".plotted");
    const plot = plotted.querySelector(".plot");
    const cursor = plot.querySelector(".cursor");
    const places = plotted.dataset.places.split(" ").map(Number);
    const own = figure.dataset.rows ? document.getElementById(figure.dataset.rows) : figure;
    const found = all("tbody tr", own);
    const rows = found.length > 0 ? found : all("tr.layer");
    if (rows.length === 0) return;
    let place = -1;
    const show = (next) => {
      place = Math.max(0, Math.min(rows.length - 1, next));
      const x = places[place] * plot.viewBox.baseVal.width;
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.style.visibility = "visible";
      const name = document.createElement("b");
      name.append(...copies(rows[place].querySelector(".name") ?? rows[place].querySelector("th")));
      const table = document.createElement("table");
      if (rows[place].querySelector("[data-predicted]")) table.append(heading());
      table.append(...cells(figure, rows[place]));
      tooltip.replaceChildren(name, table);
      tooltip.hidden = false;
      const box = plot.getBoundingClientRect();
      const at = box.left + places[place] * box.width;
      const size = tooltip.getBoundingClientRect();
      const flipped = at + 14 + size.width > root.clientWidth ? at - 14 - size.width : at + 14;
      tooltip.style.left = `${Math.max(4, flipped)}px`;
      tooltip.style.top = `${Math.max(4, Math.min(box.top + 12, innerHeight - size.height - 4))}px`;
    };
    const hide = () => {
      tooltip.hidden = true;
      cursor.style.visibility = "hidden";
    };
    plot.addEventListener("pointermove", (event) => {
      const box = plot.getBoundingClientRect();
      const part = (event.clientX - box.left) / box.width;
      const far = places.map((place) => Math.abs(place - part));
      show(far.indexOf(Math.min(...far)));
    });
    plot.addEventListener("pointerleave", hide);
    plotted.addEventListener("focus", () => show(Math.max(place, 0)));
    plotted.addEventListener("blur", hide);
    plotted.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: place - 1, ArrowRight: place + 1, Home: 0, End: rows.length - 1 };
      if (event.key === "Escape") hide();
      if (event.key in steps) {
        event.preventDefault();
        show(steps[event.key]);
      }
    });
  };

  // What is in the page now, and what comes into it later.
  const begin = (within) => {
    copying(within);
    saves(within);
    all("[data-shows]", within).forEach(follows);
  };
  begin(document);
  document.addEventListener("fresh", (event) => {
    tooltip.hidden = true;
    translate(event.target);
    begin(event.target);
  });
})();
