// Prints the names of the Lua files that StyLua would write otherwise; with `write` it writes them.
// Arguments: StyLua's module, its settings as JSON, `check` or `write`, and the files.
const fs = require('fs');
const [, , module_, settings, mode, ...files] = process.argv;
const stylua = require(module_);

const wanted = JSON.parse(settings);

function config() {
  const made = stylua.Config.new();
  made.syntax = stylua.LuaVersion[wanted.syntax];
  made.column_width = wanted.column_width;
  made.indent_type = stylua.IndentType[wanted.indent_type];
  made.indent_width = wanted.indent_width;
  made.quote_style = stylua.QuoteStyle[wanted.quote_style];
  return made;
}

for (const file of files) {
  const code = fs.readFileSync(file, 'utf8');
  const formatted = stylua.formatCode(code, config(), undefined, stylua.OutputVerification.Full);
  if (formatted !== code) {
    console.log(file);
    if (mode === 'write') fs.writeFileSync(file, formatted);
  }
}
