/* What the page can do beyond being read: folded sections, enlarged figures and the map in 3D.
   All of the text and the figures are there without it. */
"use strict";
(function () {
  const find = (selector, within) => (within || document).querySelector(selector);
  const all = (selector, within) => Array.from((within || document).querySelectorAll(selector));
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function make(tag, attributes, text) {
    const element = document.createElement(tag);
    for (const name of Object.keys(attributes || {})) element.setAttribute(name, attributes[name]);
    if (text) element.textContent = text;
    return element;
  }

  /* ------------------------------------------------------------ sections */
  /* Opens what hides an element, and the element itself; tells whether that was needed. */
  function reveal(element) {
    const parts = element ? all("details", element).filter(p => p.parentElement === element) : [];
    for (let at = element; at; at = at.parentElement) {
      if (at.tagName === "DETAILS") parts.push(at);
    }
    const closed = parts.filter(part => !part.open);
    closed.forEach(part => { part.open = true; });
    return closed.length > 0;
  }

  function makeFoldable() {
    const parts = all("details");
    const tools = find("#folding");
    tools.hidden = false;
    find("#fold", tools).addEventListener("click", () => parts.forEach(p => { p.open = false; }));
    find("#unfold", tools).addEventListener("click", () => parts.forEach(p => { p.open = true; }));
    window.addEventListener("hashchange", () => {
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (reveal(target)) target.scrollIntoView();
    });
    /* Before the browser goes there; the address may be that of the section already. */
    document.addEventListener("click", event => {
      const link = event.target.closest && event.target.closest("a[href^='#']");
      if (link) reveal(document.getElementById(link.getAttribute("href").slice(1)));
    });
    let closed = [];
    window.addEventListener("beforeprint", () => {
      closed = parts.filter(part => !part.open);
      closed.forEach(part => { part.open = true; });
    });
    window.addEventListener("afterprint", () => closed.forEach(part => { part.open = false; }));
  }

  /* What has to be scrolled is reached by the keyboard, all else is passed over. */
  function makeReachable() {
    const parts = all(".scroll");
    const measure = () => parts.map(part => part.scrollWidth > part.clientWidth)
      .forEach((wide, i) => { parts[i].tabIndex = wide ? 0 : -1; });
    window.addEventListener("resize", measure);
    document.addEventListener("toggle", measure, true);
    measure();
  }

  /* ------------------------------------------------------------ gestures */
  /* Tells `moved(dx, dy, event)` of drags with one pointer, and
     `pinched(factor, x, y, dx, dy)` of two fingers, all in pixels of the element. */
  function onGestures(element, moved, pinched) {
    const pointers = new Map();
    const middle = points => [(points[0][0] + points[1][0]) / 2, (points[0][1] + points[1][1]) / 2];
    const distance = points => Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1]);
    const place = event => {
      const box = element.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    element.addEventListener("pointerdown", event => {
      pointers.set(event.pointerId, place(event));
      try { element.setPointerCapture(event.pointerId); } catch (error) { /* already released */ }
    });
    element.addEventListener("pointermove", event => {
      if (!pointers.has(event.pointerId)) return;
      const before = Array.from(pointers.values());
      const old = pointers.get(event.pointerId), now = place(event);
      pointers.set(event.pointerId, now);
      const after = Array.from(pointers.values());
      if (after.length === 1) moved(now[0] - old[0], now[1] - old[1], event);
      if (after.length === 2) {
        const from = middle(before), to = middle(after);
        pinched(distance(after) / Math.max(distance(before), 1), to[0], to[1],
                to[0] - from[0], to[1] - from[1]);
      }
    });
    for (const end of ["pointerup", "pointercancel"]) {
      element.addEventListener(end, event => pointers.delete(event.pointerId));
    }
  }

  /* ------------------------------------------------------------ figures */
  function makeZoomable() {
    const dialog = find("#zoom");
    const images = all("figure img").filter(image => !image.closest(".legend"));
    if (!dialog.showModal || !images.length) return;
    const stage = find(".stage", dialog), shown = find("img", dialog);
    let scale = 1, x = 0, y = 0;

    function place() {
      const across = stage.clientWidth * (scale - 1) / 2;
      const down = stage.clientHeight * (scale - 1) / 2;
      x = clamp(x, -across, across);
      y = clamp(y, -down, down);
      shown.style.transform = "translate(" + x + "px," + y + "px) scale(" + scale + ")";
    }
    /* Enlarges about a place of the stage, which stays where it is. */
    function zoom(factor, atX, atY) {
      const next = clamp(scale * factor, 1, 12);
      const fromX = (atX === undefined ? 0 : atX - stage.clientWidth / 2);
      const fromY = (atY === undefined ? 0 : atY - stage.clientHeight / 2);
      x = fromX - (fromX - x) * next / scale;
      y = fromY - (fromY - y) * next / scale;
      scale = next;
      place();
    }
    function move(dx, dy) {
      x += dx;
      y += dy;
      place();
    }
    function fit() {
      scale = 1;
      move(-x, -y);
    }
    function open(image) {
      shown.src = image.src;
      shown.alt = image.alt;
      const panel = image.closest(".panel"), caption = find("figcaption", image.closest("figure"));
      find(".label", dialog).textContent = !panel ? caption.textContent
        : find("strong", caption).textContent + " " + find("div", panel).textContent;
      dialog.showModal();
      fit();
      stage.focus();
    }

    for (const image of images) {
      const button = make("button", { type: "button", class: "enlarge", title: "Enlarge" });
      image.parentNode.insertBefore(button, image);
      button.appendChild(make("span", { class: "unseen" }, "Enlarge: "));
      button.appendChild(image);
      button.addEventListener("click", () => open(image));
    }
    find("[data-do=in]", dialog).addEventListener("click", () => zoom(1.5));
    find("[data-do=out]", dialog).addEventListener("click", () => zoom(1 / 1.5));
    find("[data-do=fit]", dialog).addEventListener("click", fit);
    find("[data-do=close]", dialog).addEventListener("click", () => dialog.close());
    stage.addEventListener("wheel", event => {
      const box = stage.getBoundingClientRect();
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    stage.addEventListener("dblclick", event => {
      const box = stage.getBoundingClientRect();
      if (scale > 1) fit(); else zoom(3, event.clientX - box.left, event.clientY - box.top);
    });
    onGestures(stage, move, (factor, atX, atY, dx, dy) => {
      zoom(factor, atX, atY);
      move(dx, dy);
    });
    const keys = {
      "+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": fit,
      ArrowLeft: () => move(60, 0), ArrowRight: () => move(-60, 0),
      ArrowUp: () => move(0, 60), ArrowDown: () => move(0, -60)
    };
    dialog.addEventListener("keydown", event => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  /* The values of the curves of a plot under the pointer. */
  function makeReadable() {
    for (const image of all("img[data-curves]")) {
      const data = JSON.parse(new TextDecoder().decode(bytes(image.dataset.curves)));
      const [left, right, top, bottom] = data.box, holder = image.parentNode;
      const line = make("span", { class: "reading-line", "aria-hidden": "true" });
      const tip = make("span", { class: "reading", "aria-hidden": "true" });
      holder.classList.add("readable");
      holder.append(line, tip);
      const hide = () => { line.hidden = tip.hidden = true; };
      hide();
      image.addEventListener("pointerleave", hide);
      image.addEventListener("pointermove", event => {
        const box = image.getBoundingClientRect();
        const share = (event.clientX - box.left) / box.width;
        const down = (event.clientY - box.top) / box.height;
        if (share < left || share > right || down < top || down > bottom) return hide();
        const x = data.ends[0] + (share - left) / (right - left) * (data.ends[1] - data.ends[0]);
        tip.textContent = told(data, x);
        line.hidden = tip.hidden = false;
        line.style.cssText = "left:" + share * box.width + "px;top:" + top * box.height
          + "px;height:" + (bottom - top) * box.height + "px";
        tip.style.cssText = "top:" + top * box.height + "px;" + (share < 0.5
          ? "left:" + (share * box.width + 8) + "px"
          : "right:" + (holder.clientWidth - share * box.width + 8) + "px");
      });
    }
  }

  /* Where a plot is read and the value of each curve at the nearest of its points. */
  function told(data, x) {
    const lines = [data.label + ": " + Number(x.toPrecision(3))];
    if (data.label.includes("(1/Å)") && x > 0) lines[0] += ", " + (1 / x).toFixed(2) + " Å";
    for (const curve of data.curves) {
      let best = 0;
      curve.x.forEach((value, i) => {
        if (Math.abs(value - x) < Math.abs(curve.x[best] - x)) best = i;
      });
      const value = curve.y[best];
      if (value !== null) lines.push((curve.label || "value") + ": " + Number(value.toPrecision(3)));
    }
    return lines.join("\n");
  }

  /* ------------------------------------------------------------ the map in 3D */
  const VERTEX = `
    attribute vec3 place, normal, colour;
    uniform mat3 turn;
    uniform vec3 focus;
    uniform vec2 zoom, shift;
    uniform float reach, depth;
    varying vec3 facing, tint;
    varying float nearness;
    void main() {
      vec3 seen = turn * (place - focus);
      facing = turn * normal;
      tint = colour;
      nearness = seen.z / reach;
      gl_Position = vec4(seen.xy * zoom + shift, -seen.z / depth, 1.0);
    }`;
  /* The light is at the viewer; what is far away fades, and the inside is darker. */
  const FRAGMENT = `
    precision mediump float;
    uniform float cut, alpha;
    varying vec3 facing, tint;
    varying float nearness;
    void main() {
      if (nearness > cut) discard;
      float towards = normalize(facing).z;
      float shade = towards < 0.0 ? 0.3 - 0.35 * towards : 0.35 + 0.65 * towards;
      float haze = 0.3 * clamp(0.5 - 0.5 * nearness, 0.0, 1.0);
      gl_FragColor = vec4(mix(tint * shade, vec3(1.0), haze), alpha);
    }`;
  /* Axes of the map that are to the right, up and towards the viewer. */
  const VIEWS = {
    x: [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
    y: [[0, 0, 1], [1, 0, 0], [0, 1, 0]],
    z: [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
  };
  const STEP = Math.PI / 18;
  const NEAR = 7;  // Å

  function bytes(text) {
    const binary = atob(text), result = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) result[i] = binary.charCodeAt(i);
    return result;
  }

  /* The surface in Å from the middle of the view, and its colours by choice. */
  function readSurface(data) {
    const steps = new Uint16Array(bytes(data.positions).buffer);
    const places = Float32Array.from(steps, (value, i) => (value - data.centre[i % 3]) * data.step);
    const palette = bytes(data.colours);
    let depth = data.reach;
    for (let i = 0; i < places.length; i += 3) {
      depth = Math.max(depth, Math.hypot(places[i], places[i + 1], places[i + 2]));
    }
    return {
      places, depth, palette, reach: data.reach,
      normals: Float32Array.from(new Int8Array(bytes(data.normals).buffer), value => value / 127),
      faces: new Uint16Array(bytes(data.faces).buffer),
      colours(property) {
        const result = new Float32Array(places.length);
        const values = property && bytes(property.values);
        for (let i = 0; i < places.length / 3; i++) {
          for (let k = 0; k < 3; k++) {
            result[3 * i + k] = (values ? palette[3 * values[i] + k] : data.plain[k]) / 255;
          }
        }
        return result;
      }
    };
  }

  const SIDES = 6, PARTS = 4;
  const add = (u, v, factor) => u.map((value, k) => value + factor * v[k]);
  const dot = (u, v) => u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
  const unit = u => u.map(value => value / (Math.sqrt(dot(u, u)) || 1));
  const cross = (u, v) => [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2],
                           u[0] * v[1] - u[1] * v[0]];

  /* Tubes through residues that follow each other with the same number, in Å from the middle of
     the view. */
  function readModel(data, colour) {
    const flat = new Float32Array(bytes(data.places).buffer);
    const pieces = new Int32Array(bytes(data.pieces).buffer);
    const chains = [];
    for (let i = 0; i < pieces.length; i++) {
      if (pieces[i] < 0) continue;
      if (!i || pieces[i] !== pieces[i - 1]) chains.push([]);
      chains[chains.length - 1].push(Array.from(flat.subarray(3 * i, 3 * i + 3)));
    }
    const places = [], normals = [], faces = [];
    let depth = 0;
    for (const chain of chains) {
      const points = smoothed(chain.length > 1 ? chain
        : [add(chain[0], [1, 0, 0], -0.6), add(chain[0], [1, 0, 0], 0.6)]);
      const last = points.length - 1;
      let side = [0, 0, 0];
      /* A ring at each point, and at the ends one of no width that closes the tube. */
      for (let ring = -1; ring <= last + 1; ring++) {
        const i = clamp(ring, 0, last), point = points[i];
        const along = unit(add(points[Math.min(i + 1, last)], points[Math.max(i - 1, 0)], -1));
        side = add(side, along, -dot(side, along));
        if (dot(side, side) < 1e-6) side = cross(along, Math.abs(along[0]) < 0.8 ? [1, 0, 0] : [0, 1, 0]);
        side = unit(side);
        const other = cross(along, side), first = places.length / 3;
        depth = Math.max(depth, Math.sqrt(dot(point, point)) + 2);
        for (let k = 0; k < SIDES; k++) {
          const angle = 2 * Math.PI * k / SIDES;
          const out = add(side.map(value => value * Math.cos(angle)), other, Math.sin(angle));
          places.push(...add(point, out, ring === i ? 0.55 : 0));
          normals.push(...(ring === i ? out : along.map(value => (ring - i) * value)));
          if (ring <= last) {
            const a = first + k, b = first + (k + 1) % SIDES;
            faces.push(a, b, a + SIDES, b, b + SIDES, a + SIDES);
          }
        }
      }
    }
    const colours = Float32Array.from(places, (_, i) => colour[i % 3] / 255);
    return { places: Float32Array.from(places), normals: Float32Array.from(normals),
             faces: Uint32Array.from(faces), colours, depth };
  }

  /* A Catmull-Rom spline through points. */
  function smoothed(points) {
    const result = [], last = points.length - 1;
    for (let i = 0; i < last; i++) {
      const [a, b, c, d] = [-1, 0, 1, 2].map(step => points[clamp(i + step, 0, last)]);
      for (let part = 0; part < PARTS; part++) {
        const t = part / PARTS;
        result.push(b.map((value, k) => value + t * (c[k] - a[k]) / 2
          + t * t * (a[k] - 2.5 * value + 2 * c[k] - d[k] / 2)
          + t * t * t * (1.5 * (value - c[k]) + (d[k] - a[k]) / 2)));
      }
    }
    return result.concat([points[last]]);
  }

  function buildProgram(gl) {
    const program = gl.createProgram();
    for (const part of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(part[0]);
      gl.shaderSource(shader, part[1]);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
      throw new Error(gl.getProgramInfoLog(program) || "the 3D program cannot be built");
    }
    gl.useProgram(program);
    return program;
  }

  /* Puts the surface, and the model if there is one, into the canvas; gives functions that colour
     and draw them. */
  function makeRenderer(canvas, surface, model) {
    const gl = canvas.getContext("webgl", { alpha: false, antialias: true,
                                            preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser offers no WebGL");
    let program, shape, tubes;

    function filled(target, values) {
      const buffer = gl.createBuffer();
      gl.bindBuffer(target, buffer);
      gl.bufferData(target, values, gl.STATIC_DRAW);
      return buffer;
    }

    function sent(mesh, colours, kind) {
      return { place: filled(gl.ARRAY_BUFFER, mesh.places), kind,
               normal: filled(gl.ARRAY_BUFFER, mesh.normals),
               colour: filled(gl.ARRAY_BUFFER, colours),
               faces: filled(gl.ELEMENT_ARRAY_BUFFER, mesh.faces), count: mesh.faces.length };
    }

    function drawMesh(mesh) {
      for (const name of ["place", "normal", "colour"]) {
        const place = gl.getAttribLocation(program, name);
        gl.bindBuffer(gl.ARRAY_BUFFER, mesh[name]);
        gl.enableVertexAttribArray(place);
        gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
      }
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, mesh.faces);
      gl.drawElements(gl.TRIANGLES, mesh.count, mesh.kind, 0);
    }

    function load(colours) {
      program = buildProgram(gl);
      shape = sent(surface, colours, gl.UNSIGNED_SHORT);
      tubes = model && gl.getExtension("OES_element_index_uint")
        && sent(model, model.colours, gl.UNSIGNED_INT);
      gl.enable(gl.DEPTH_TEST);
      gl.depthFunc(gl.LEQUAL);
      gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
      gl.clearColor(1, 1, 1, 1);
    }

    return {
      load,
      paint(colours) {
        gl.bindBuffer(gl.ARRAY_BUFFER, shape.colour);
        gl.bufferData(gl.ARRAY_BUFFER, colours, gl.STATIC_DRAW);
      },
      draw(view) {
        const uniform = name => gl.getUniformLocation(program, name);
        const side = Math.min(canvas.width, canvas.height);
        const zoom = [side / canvas.width / view.half, side / canvas.height / view.half];
        const rows = view.rows, columns = [0, 1, 2].map(k => rows.map(row => row[k]));
        gl.viewport(0, 0, canvas.width, canvas.height);
        gl.uniformMatrix3fv(uniform("turn"), false, [].concat(...columns));
        gl.uniform2fv(uniform("zoom"), zoom);
        gl.uniform2fv(uniform("shift"), [view.shift[0] * zoom[0], view.shift[1] * zoom[1]]);
        gl.uniform1f(uniform("reach"), surface.reach);
        gl.uniform3fv(uniform("focus"), view.focus);
        gl.uniform1f(uniform("depth"), 1.01 * (Math.max(surface.depth, model ? model.depth : 0)
                                               + Math.sqrt(dot(view.focus, view.focus))));
        gl.uniform1f(uniform("alpha"), 1);
        gl.uniform1f(uniform("cut"), view.cut > 0 ? 1 - 2 * view.cut : 1e4);
        gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
        if (!tubes || !view.withModel) return drawMesh(shape);
        drawMesh(tubes);
        /* Of the surface only what is in front, so that the model is seen through one layer. */
        gl.colorMask(false, false, false, false);
        drawMesh(shape);
        gl.colorMask(true, true, true, true);
        gl.uniform1f(uniform("alpha"), 0.42);
        gl.enable(gl.BLEND);
        drawMesh(shape);
        gl.disable(gl.BLEND);
      }
    };
  }

  /* Turns a frame about its upward axis by `across` and about the one to the right by `down`. */
  function turned(rows, across, down) {
    const mixed = (u, v, a, b) => u.map((value, k) => a * value + b * v[k]);
    let [right, up, towards] = rows;
    [right, towards] = [mixed(right, towards, Math.cos(across), Math.sin(across)),
                        mixed(towards, right, Math.cos(across), -Math.sin(across))];
    [up, towards] = [mixed(up, towards, Math.cos(down), -Math.sin(down)),
                     mixed(towards, up, Math.cos(down), Math.sin(down))];
    /* Rounding must not add up over many turns. */
    right = unit(right);
    up = unit(add(up, right, -dot(up, right)));
    return [right, up, cross(right, up)];
  }

  function showScale(bar, pixelsPerAngstrom) {
    const most = 110 / pixelsPerAngstrom, power = Math.pow(10, Math.floor(Math.log10(most)));
    const length = power * [5, 2, 1].find(step => step * power <= most);
    find("span", bar).style.width = length * pixelsPerAngstrom + "px";
    find("b", bar).textContent = Number(length.toPrecision(1)) + " Å";
  }

  function showLegend(legend, palette, property) {
    legend.classList.toggle("empty", !property);
    if (!property) return;
    const stops = [];
    for (let i = 0; i <= 16; i++) {
      const at = 3 * (1 + Math.round(254 * i / 16));
      stops.push("rgb(" + [palette[at], palette[at + 1], palette[at + 2]].join() + ")");
    }
    find(".ramp", legend).style.background = "linear-gradient(to right," + stops.join() + ")";
    for (const part of ["low", "label", "high"]) {
      find("." + part, legend).textContent = property[part];
    }
    find(".none", legend).hidden = !bytes(property.values).includes(0);
  }

  function makeViewer(viewer) {
    const data = JSON.parse(find("#surface-data").textContent);
    const surface = readSurface(data);
    const canvas = find("canvas", viewer), choice = find("select", viewer);
    const cut = find("input[type=range]", viewer);
    const model = data.model && readModel(data.model, data.tube);
    const renderer = makeRenderer(canvas, surface, model);
    const start = surface.reach * 1.08;
    const whole = { half: start, shift: [0, 0], cut: 0, focus: [0, 0, 0], marked: null };
    const view = Object.assign({ rows: VIEWS.z, withModel: Boolean(model) }, whole);
    const marker = find(".marker", viewer), shown = find("#shown", viewer);
    const withModel = find("#with-model", viewer);
    const property = () => data.properties[choice.value];
    let waiting = false;

    function draw() {
      waiting = false;
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const width = Math.round(canvas.clientWidth * ratio);
      const height = Math.round(canvas.clientHeight * ratio);
      if (!width || !height) return;
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
      }
      renderer.draw(view);
      showScale(find(".scale", viewer),
                Math.min(canvas.clientWidth, canvas.clientHeight) / (2 * view.half));
      mark(Math.min(canvas.clientWidth, canvas.clientHeight) / (2 * view.half));
    }
    /* A ring around the place that was asked for. */
    function mark(pixelsPerAngstrom) {
      marker.hidden = !view.marked;
      if (!view.marked) return;
      const from = add(view.marked, view.focus, -1);
      const [x, y] = [0, 1].map(k => (dot(view.rows[k], from) + view.shift[k]) * pixelsPerAngstrom);
      marker.style.left = canvas.clientWidth / 2 + x + "px";
      marker.style.top = canvas.clientHeight / 2 - y + "px";
    }
    function redraw() {
      if (!waiting) requestAnimationFrame(draw);
      waiting = true;
    }
    function colour() {
      renderer.paint(surface.colours(property()));
      showLegend(find(".legend", viewer), surface.palette, property());
      redraw();
    }
    function zoom(factor) {
      view.half = clamp(view.half / factor, start / 20, start * 4);
      redraw();
    }
    function turn(across, down) {
      view.rows = turned(view.rows, across, down);
      redraw();
    }
    function move(dx, dy) {
      const perPixel = 2 * view.half / Math.min(canvas.clientWidth, canvas.clientHeight);
      view.shift = [view.shift[0] + dx * perPixel, view.shift[1] - dy * perPixel];
      redraw();
    }
    function look(name) {
      view.rows = VIEWS[name];
      redraw();
    }
    function reset() {
      Object.assign(view, { rows: VIEWS.z }, whole);
      cut.value = 0;
      shown.textContent = "";
      redraw();
    }
    /* Goes near a place, with it on the near side and what is farther in front cut away. */
    function goTo(link) {
      const place = add(link.dataset.place.split(" ").map(Number), data.origin, -1);
      const towards = unit(dot(place, place) > 1 ? place : [0, 0, 1]);
      const right = unit(cross(Math.abs(towards[1]) < 0.95 ? [0, 1, 0] : [0, 0, 1], towards));
      const front = clamp((1 - NEAR / surface.reach) / 2, 0, 1);
      Object.assign(view, { rows: [right, cross(towards, right), towards], shift: [0, 0],
                            half: Math.min(start, 14), focus: place, marked: place, cut: front });
      cut.value = 100 * front;
      shown.textContent = "Shown: " + link.dataset.title
        + (model && view.withModel ? ", in the model (orange)." : ".") + " Reset shows all.";
      redraw();
    }

    const actions = {
      x: () => look("x"), y: () => look("y"), z: () => look("z"), reset,
      in: () => zoom(1.25), out: () => zoom(0.8)
    };
    for (const button of all("[data-do]", viewer)) {
      button.addEventListener("click", actions[button.dataset.do]);
    }
    choice.addEventListener("change", colour);
    if (withModel) {
      withModel.addEventListener("change", () => {
        view.withModel = withModel.checked;
        redraw();
      });
    }
    document.addEventListener("click", event => {
      const link = event.target.closest && event.target.closest("a.target");
      if (!link) return;
      goTo(link);
      setTimeout(() => canvas.focus({ preventScroll: true }));  // once the browser went there
    });
    cut.addEventListener("input", () => {
      view.cut = cut.value / 100;
      redraw();
    });
    const turns = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const keys = { "+": "in", "=": "in", "-": "out", "0": "reset", x: "x", y: "y", z: "z" };
    canvas.addEventListener("keydown", event => {
      const arrow = turns[event.key], action = actions[keys[event.key]];
      if ((!arrow && !action) || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      if (action) action();
      else if (event.shiftKey) move(20 * arrow[0], 20 * arrow[1]);
      else turn(STEP * arrow[0], STEP * arrow[1]);
    });
    onGestures(canvas, (dx, dy, event) => {
      const side = Math.min(canvas.clientWidth, canvas.clientHeight) / Math.PI;
      if (event.shiftKey || event.buttons === 2) move(dx, dy);
      else turn(dx / side, dy / side);
    }, (factor, x, y, dx, dy) => {
      zoom(factor);
      move(dx, dy);
    });
    canvas.addEventListener("contextmenu", event => event.preventDefault());
    /* The wheel scrolls the page unless the view was chosen before. */
    canvas.addEventListener("wheel", event => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 400));
    }, { passive: false });
    canvas.addEventListener("webglcontextlost", event => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      renderer.load(surface.colours(property()));
      redraw();
    });
    renderer.load(surface.colours(property()));
    viewer.hidden = false;
    document.body.classList.add("live");
    colour();
    if (window.ResizeObserver) new ResizeObserver(redraw).observe(canvas);
    else window.addEventListener("resize", redraw);
  }

  /* ------------------------------------------------------------ start */
  makeFoldable();
  makeReachable();
  makeZoomable();
  makeReadable();
  const viewer = find("#viewer");
  if (viewer) {
    const failed = find("#viewer-failed");
    try {
      makeViewer(viewer);
      failed.hidden = true;
    } catch (error) {
      find("span", failed).textContent = " (" + error.message + ")";
    }
  }
}());
