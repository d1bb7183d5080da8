"""The page's looks, and the script that draws its pictures."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{--paper:#fbfaf7;--card:#fff;--ink:#1c1b1a;--soft:#6b6762;--line:#e5e1da;--accent:#00798c;
--bad:#b3261e;--good:#1b7f4d;--mark:#ffe08a;--code:#f5f2ec}
@media (max-width:40rem){main{padding:1.25rem .9rem 3rem}.verdict{font-size:1.35rem}}
@media (prefers-color-scheme:dark){:root{--paper:#151618;--card:#1e2023;--ink:#ececea;
--soft:#a09c96;--line:#34363a;--accent:#4fb8c9;--bad:#ff8a80;--good:#6fd3a0;--mark:#7a5a00;
--code:#17181a}}
*{box-sizing:border-box}
html{color-scheme:light dark;scroll-behavior:smooth}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:68rem;margin:0 auto;padding:2.5rem 1.5rem 5rem}
h1{font-size:1.05rem;letter-spacing:.02em;margin:0;color:var(--accent);font-weight:650}
h2{font-size:1.4rem;line-height:1.25;margin:3.25rem 0 .25rem;letter-spacing:-.01em}
h3{font-size:1.08rem;margin:0;display:flex;gap:.75rem;align-items:baseline;flex-wrap:wrap}
p{margin:.35rem 0}
.verdict{font-size:1.75rem;line-height:1.3;font-weight:640;letter-spacing:-.015em;
margin:.6rem 0 .5rem;max-width:60rem;text-wrap:pretty}
.about,.where{color:var(--soft)}
.about{max-width:48rem;margin-bottom:1rem}
.where{font-size:.9rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:1rem;
margin:1.75rem 0 0}
.card,.culprit,.picture{background:var(--card);border:1px solid var(--line);border-radius:12px}
.card{padding:1rem 1.15rem}
.card b{display:block;font-size:1.85rem;line-height:1.2;font-weight:650;letter-spacing:-.02em;
font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:.9rem}
.card i{font-style:normal;color:var(--good);font-size:.95rem;font-weight:550}
.culprit{padding:1.15rem 1.3rem;margin:1rem 0}
.culprit h3 em{font-style:normal;color:var(--bad);font-weight:600;font-variant-numeric:tabular-nums;
margin-left:auto}
.rank{color:var(--soft);font-weight:500}
.side{margin:.7rem 0 0}
.side code{display:block;background:var(--code);border-left:3px solid var(--line);
border-radius:0 8px 8px 0;padding:.55rem .8rem;overflow-wrap:anywhere;
font:13.5px/1.6 ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
mark{background:var(--mark);color:inherit;border-radius:3px;padding:1px 2px;
border-bottom:2px solid var(--bad)}
ul.fixes{list-style:none;margin:1rem 0 0;padding:0}
ul.fixes li{padding:.3rem 0 .3rem 1.6rem;position:relative}
ul.fixes li::before{content:"→";position:absolute;left:.2rem;color:var(--accent)}
.saves{color:var(--good);font-weight:550;white-space:nowrap}
.costs{color:var(--soft)}
.together{border-left:4px solid var(--good)}
.picture{padding:.75rem .75rem .4rem;margin:1rem 0}
.plot{width:100%}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(26rem,100%),1fr));gap:1rem}
.pair .picture{margin:0}
select{font:inherit;font-size:.95rem;color:var(--ink);background:var(--card);
border:1px solid var(--line);border-radius:8px;padding:.35rem .6rem;max-width:100%}
.table{overflow-x:auto;margin:.75rem 0}
table{border-collapse:collapse;width:100%;font-size:.94rem;font-variant-numeric:tabular-nums}
th{font-weight:550;color:var(--soft);text-align:right;border-bottom:1px solid var(--line);
padding:.35rem .9rem .35rem 0;white-space:nowrap}
td{text-align:right;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);
vertical-align:top}
th:first-child,td:first-child,td.text,th.text{text-align:left;overflow-wrap:anywhere}
details{margin:.75rem 0}summary{cursor:pointer;color:var(--accent)}
ul.notes{padding-left:1.2rem}
ul.notes li{margin:.25rem 0;overflow-wrap:anywhere}
footer{margin-top:4rem;color:var(--soft);font-size:.88rem}
"""

SCRIPT: Final = """
(function(){
"use strict";
var figures=JSON.parse(document.getElementById("figures").textContent);
var dark=matchMedia("(prefers-color-scheme: dark)");
function themed(layout){
  var ink=dark.matches?"#d6d3ce":"#3a3835",line=dark.matches?"#34363a":"#e9e5de";
  var copy=JSON.parse(JSON.stringify(layout));
  copy.paper_bgcolor=copy.plot_bgcolor="rgba(0,0,0,0)";
  copy.font={family:"system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif",
    size:13,color:ink};
  copy.hoverlabel={align:"left",bgcolor:dark.matches?"#2a2c30":"#ffffff",
    bordercolor:line,font:{color:dark.matches?"#ececea":"#1c1b1a"}};
  Object.keys(copy).forEach(function(name){
    if(/^[xy]axis/.test(name)){copy[name].gridcolor=line;copy[name].zerolinecolor=line;
      copy[name].linecolor=line;copy[name].automargin=true;}
  });
  return copy;
}
function draw(id){
  var element=document.getElementById(id),found=figures[id];
  var choice=document.querySelector('select[data-for="'+id+'"]');
  if(choice){found=found[Number(choice.value)];}
  Plotly.react(element,found.data,themed(found.layout),
    {responsive:true,displaylogo:false,displayModeBar:false});
}
function all(){Object.keys(figures).forEach(draw);}
all();
dark.addEventListener("change",all);
document.querySelectorAll("select[data-for]").forEach(function(choice){
  choice.addEventListener("change",function(){draw(choice.dataset.for);});
});
document.documentElement.dataset.drawn=String(Object.keys(figures).length);
})();
"""
