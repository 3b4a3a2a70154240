// Draws a sample image for visitors without one: hills, and a balloon that a crop should keep.

function drawn() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1800, height: 1200 });
  const pen = canvas.getContext("2d");
  const sky = pen.createLinearGradient(0, 0, 0, 1000);
  sky.addColorStop(0, "#3f6d9c");
  sky.addColorStop(0.6, "#e8b48a");
  sky.addColorStop(1, "#f6dfbd");
  pen.fillStyle = sky;
  pen.fillRect(0, 0, 1800, 1200);
  for (const [colour, base, height, length, phase] of [
    ["#8d8598", 760, 110, 310, 0.4],
    ["#5f6478", 860, 90, 220, 2.1],
    ["#38445a", 980, 70, 170, 4.2],
    ["#232c3c", 1090, 50, 120, 1.3],
  ]) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.moveTo(0, 1200);
    for (let x = 0; x <= 1800; x += 12) {
      pen.lineTo(x, base + height * (Math.sin(x / length + phase) + 0.4 * Math.sin(x / 61 + phase)));
    }
    pen.lineTo(1800, 1200);
    pen.fill();
  }
  for (const [at, colour] of ["#c8452d", "#f3e3c3", "#c8452d", "#f3e3c3", "#c8452d"].entries()) {
    pen.fillStyle = colour;
    pen.beginPath();
    pen.ellipse(1380, 330, 150 - at * 34, 170, 0, 0, 7);
    pen.fill();
  }
  pen.fillStyle = "#5a3a22";
  pen.fillRect(1352, 560, 56, 44);
  pen.strokeStyle = "#5a3a22";
  pen.lineWidth = 4;
  for (const side of [-1, 1]) {
    pen.beginPath();
    pen.moveTo(1380 + side * 90, 470);
    pen.lineTo(1380 + side * 26, 560);
    pen.stroke();
  }
  return new Promise((done) => {
    canvas.toBlob((blob) => done(new File([blob], "drawn.jpg", { type: "image/jpeg" })), "image/jpeg", 0.9);
  });
}
