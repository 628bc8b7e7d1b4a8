// Unpacks Chromium, and the libraries and fonts that a bare machine lacks, into ./chromium. The npm
// package has them for Linux on x86_64; elsewhere the tests use the system's browser.

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inflate } from "@sparticuz/chromium";

const folder = fileURLToPath(new URL("chromium", import.meta.url));
const packed = new URL("../bin/", import.meta.resolve("@sparticuz/chromium"));

// The system's fonts and settings, if there are any, and the fonts of the package.
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`;

if (process.platform === "linux" && process.arch === "x64") {
  mkdirSync(folder);
  process.env.TMPDIR = folder; // where `inflate` writes
  for (const name of ["chromium.br", "al2023.tar.br", "fonts.tar.br"]) {
    await inflate(fileURLToPath(new URL(name, packed)));
  }
  chmodSync(`${folder}/chromium`, 0o755);
  writeFileSync(`${folder}/fonts.conf`, FONTS);
}
