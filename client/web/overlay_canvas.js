/**
 * Puts a stacked picture together again: colours above, coverage below, drawn as one picture with
 * transparency. Knows WebGL; does not know where the pictures come from.
 */

const VERTEX = `
  attribute vec2 corner;
  varying vec2 place;
  void main() {
    place = vec2(corner.x, 1.0 - corner.y) * 0.5 + vec2(0.5, 0.0);
    gl_Position = vec4(corner, 0.0, 1.0);
  }
`;
// `place.y` is 0 at the top and 1 at the bottom of the character; each half keeps half a row away
// from the other, so that filtering does not mix them. Colours come weighed by their coverage.
const FRAGMENT = `
  precision mediump float;
  varying vec2 place;
  uniform sampler2D picture;
  uniform float half_row;
  void main() {
    float y = clamp(place.y * 0.5, half_row, 0.5 - half_row);
    float cover = texture2D(picture, vec2(place.x, y + 0.5)).r;
    vec3 colour = texture2D(picture, vec2(place.x, y)).rgb;
    // A codec's noise is no coverage, and no colour may be lighter than its coverage.
    cover = cover < 0.03 ? 0.0 : (cover > 0.97 ? 1.0 : cover);
    gl_FragColor = vec4(min(colour, vec3(cover)), cover);
  }
`;

export class OverlayCanvas {
  /**
   * @param {HTMLCanvasElement} canvas
   * @throws {Error} where the browser has no WebGL
   */
  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl", { alpha: true, premultipliedAlpha: true });
    if (gl === null) throw new Error("This browser draws no WebGL, which an overlay needs.");
    this.gl = gl;
    // A context that was lost (the graphics driver restarted) is set up anew when it comes back.
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.#prepare());
    this.#prepare();
  }

  /** @param {HTMLVideoElement} video its present picture, twice as high as the character */
  draw(video) {
    const { gl, canvas } = this;
    const width = video.videoWidth;
    const height = video.videoHeight / 2;
    if (width === 0 || gl.isContextLost()) return;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      gl.viewport(0, 0, width, height);
      gl.uniform1f(this.halfRow, 0.5 / video.videoHeight);
    }
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, video);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  #prepare() {
    const { gl } = this;
    const program = /** @type {WebGLProgram} */ (gl.createProgram());
    for (const [type, source] of /** @type {[number, string][]} */ ([
      [gl.VERTEX_SHADER, VERTEX],
      [gl.FRAGMENT_SHADER, FRAGMENT],
    ])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(type));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
    this.halfRow = gl.getUniformLocation(program, "half_row");
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) {
      gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    }
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D, filter, gl.LINEAR);
    }
    // Sizes and the uniform are set again with the next picture.
    this.canvas.width = this.canvas.height = 1;
  }
}
