--- What the selection in the popup menu allows to be shown.
local M = {}

--- Whether `rest` at the cursor agrees with the selected entry.
---
--- An entry that is in the text already does: the completion was asked for after it. One that
--- is only selected ("noinsert" in 'completeopt') must be what the completion begins with.
---@param line_to_cursor string
---@param rest string
---@return boolean
function M.allows(line_to_cursor, rest)
  local word = M._selected_word()
  if not word or vim.endswith(line_to_cursor, word) then
    return true
  end
  return vim.startswith(rest, M._missing_part(line_to_cursor, word))
end

---@private
---@return string?
function M._selected_word()
  if vim.fn.pumvisible() == 0 then
    return nil
  end
  return vim.tbl_get(vim.fn.complete_info({ 'completed' }), 'completed', 'word')
end

--- Returns what of a word does not stand before the cursor yet.
---@private
---@param line_to_cursor string
---@param word string
---@return string
function M._missing_part(line_to_cursor, word)
  for length = #word, 1, -1 do
    if vim.endswith(line_to_cursor, word:sub(1, length)) then
      return word:sub(length + 1)
    end
  end
  return word
end

return M
