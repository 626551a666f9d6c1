"""The lint of TypeScript finds files that import one another, also for types alone."""

import subprocess
from pathlib import Path

_LINT = """
import { Linter } from 'eslint'
import tseslint from 'typescript-eslint'
import { importCircles } from './bridges/node/import-circles.mjs'
import { readFileSync } from 'node:fs'

const linter = new Linter({ cwd: process.argv[1] })
const config = {
  files: ['**/*.ts'], languageOptions: { parser: tseslint.parser },
  plugins: { own: { rules: { circles: importCircles } } }, rules: { 'own/circles': 'error' },
}
for (const file of process.argv.slice(2)) {
  for (const { message } of linter.verify(readFileSync(file, 'utf8'), [config], file)) console.log(message)
}
"""


def found(root: Path, folder: Path, **sources: str) -> list[str]:
    for name, source in sources.items():
        (folder / f"{name}.ts").write_text(source, "utf-8")
    files = [str(folder / f"{name}.ts") for name in sources]
    command = ["node", "--input-type=module", "--eval", _LINT, str(folder), *files]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_files_that_import_one_another_are_found_with_the_way_between_them(root: Path, tmp_path: Path) -> None:
    circle = found(
        root,
        tmp_path,
        a="import type { B } from './b.ts'\nexport type A = B",
        b="import {\n  type C,\n} from './c.ts'\nexport type B = C",
        c="export * from './a.ts'\nexport type C = 1",
        d="import { a } from './a.ts'\nimport fs from 'node:fs'\nexport const d = [a, fs]",
    )
    assert circle == [
        "This import is part of a circle: a.ts → b.ts → c.ts → a.ts.",
        "This import is part of a circle: b.ts → c.ts → a.ts → b.ts.",
        "This import is part of a circle: c.ts → a.ts → b.ts → c.ts.",
    ]


def test_files_that_share_a_third_one_are_no_circle(root: Path, tmp_path: Path) -> None:
    sources = {"a": "import { c } from './c.ts'\nimport { b } from './b.ts'", "b": "export { c as b } from './c.ts'"}
    assert found(root, tmp_path, **sources, c="export const c = 1") == []
