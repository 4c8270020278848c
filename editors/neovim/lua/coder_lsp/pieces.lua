--- Which part of a completion is taken at once. Pure functions; nothing here knows a buffer.
local M = {}

--- Returns what follows `typed` in `text`, nil when what was typed has gone another way.
---@param text string
---@param typed string
---@return string?
function M.rest(text, typed)
  return vim.startswith(text, typed) and text:sub(#typed + 1) or nil
end

--- Returns the first word with the blanks before it: a run of 'iskeyword' characters, or of others.
---@param text string
---@return string
function M.word(text)
  return vim.fn.matchstr(text, [[\v^\_s*%(\k+|%(%(\k|\_s)@!.)+)?]])
end

--- Returns the text up to the end of its first line that holds anything.
---@param text string
---@return string
function M.line(text)
  return (text:match('^\n*[^\n]*'))
end

--- Returns the whole text.
---@param text string
---@return string
function M.all(text)
  return text
end

return M
