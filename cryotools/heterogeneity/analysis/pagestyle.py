"""How the page of an analysis looks, and how its trajectories move."""

STYLE = """
:root { --ink: #1f2933; --soft: #5f6c7b; --line: #dde3ea; --back: #f5f7fa; --accent: #2f6690; }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink);
  margin: 0; background: var(--back); }
header { background: #16324a; color: #fff; padding: 1.4em 2em 1.1em; }
header h1 { margin: 0 0 .2em; font-size: 1.5em; font-weight: 600; }
header p { margin: 0; color: #c9d6e2; }
nav { position: sticky; top: 0; z-index: 1; background: #fff; border-bottom: 1px solid var(--line); padding: .5em 2em; }
nav a { margin-right: 1.3em; color: var(--accent); text-decoration: none; white-space: nowrap; }
nav a:hover { text-decoration: underline; }
main { max-width: 1460px; margin: 0 auto; padding: 1em 2em 3em; }
section { background: #fff; border: 1px solid var(--line); border-radius: 8px; padding: 1em 1.4em 1.3em;
  margin: 1.2em 0; scroll-margin-top: 3em; }
h2 { margin: .1em 0 .5em; font-size: 1.25em; }
p { max-width: 62em; } .soft { color: var(--soft); }
.chart { max-width: 100%; height: auto; display: block; margin: .6em 0; }
.figures { display: flex; flex-wrap: wrap; gap: .8em; margin: .4em 0 .8em; }
.figures div { border: 1px solid var(--line); border-radius: 6px; padding: .5em 1em; min-width: 8em; }
.figures b { display: block; font-size: 1.35em; font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 620px), 1fr)); gap: 1em; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: .6em .8em .7em; }
.card h3, .movie h3 { margin: 0 0 .35em; font-size: 1em; font-weight: 600; }
.card h3 span, .movie h3 span { font-weight: 400; color: var(--soft); }
.dot { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin-right: .45em; }
.film { max-width: 100%; height: auto; display: block; margin: .3em 0 0; }
.strip { width: 100%; height: auto; display: block; }
.panels { display: grid; grid-template-columns: repeat(4, 1fr); color: var(--soft); font-size: .82em;
  text-align: center; }
.bar { height: 5px; background: var(--back); border-radius: 3px; margin-bottom: .5em; }
.bar i { display: block; height: 100%; border-radius: 3px; }
.movie { border: 1px solid var(--line); border-radius: 6px; padding: .7em 1em .9em; margin: .9em 0; }
.movie > * { max-width: 900px; }
.movie .controls { display: flex; align-items: center; gap: .9em; margin: .4em 0; }
.movie input { flex: 1; accent-color: var(--accent); }
.movie button { font: inherit; border: 1px solid var(--line); background: var(--back); border-radius: 5px;
  padding: .15em .9em; cursor: pointer; min-width: 5em; }
.movie output { min-width: 9em; color: var(--soft); font-variant-numeric: tabular-nums; }
.movie .frame { display: none; } .movie .frame.shown { display: block; }
pre { background: #10202f; color: #e4edf5; padding: .7em 1em; border-radius: 6px; overflow-x: auto; font-size: .9em;
  line-height: 1.45; margin: .3em 0 1em; }
code { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; }
table { border-collapse: collapse; margin: .6em 0; } th, td { padding: .25em .9em; border-bottom: 1px solid var(--line);
  text-align: right; } th:first-child, td:first-child { text-align: left; }
@media print { nav { display: none; } section { break-inside: avoid; } }
"""

SCRIPT = """
for (const movie of document.querySelectorAll(".movie")) {
  const frames = movie.querySelectorAll(".frame"), slider = movie.querySelector("input");
  const said = movie.querySelector("output"), button = movie.querySelector("button");
  let timer = null, step = 1;
  const show = () => {
    frames.forEach((frame, at) => frame.classList.toggle("shown", at === +slider.value));
    said.textContent = frames[+slider.value].dataset.said;
  };
  slider.addEventListener("input", show);
  button.addEventListener("click", () => {
    if (timer) { clearInterval(timer); timer = null; button.textContent = "Play"; return; }
    button.textContent = "Stop";
    timer = setInterval(() => {
      if (+slider.value + step < 0 || +slider.value + step >= frames.length) step = -step;
      slider.value = +slider.value + step;
      show();
    }, 250);
  });
  show();
}
"""
