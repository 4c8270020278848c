--- What is selected in the popup menu, as far as it matters for what is shown.
local M = {}

--- An entry that is selected and not in the text yet ("noinsert" in 'completeopt').
---@class coder_lsp.Selection
---@field word string
---@field num_typed integer Of its bytes, those that stand before the cursor.

--- Whether `rest` at the cursor agrees with the selected entry: one that is only selected must be
--- what the completion begins with. After one that is in the text already it was asked for.
---@param line_to_cursor string
---@param rest string
---@return boolean
function M.allows(line_to_cursor, rest)
  local selection = M.selection(line_to_cursor)
  return not selection or vim.startswith(rest, selection.word:sub(selection.num_typed + 1))
end

--- Returns what is selected and not in the text yet.
---@param line_to_cursor string
---@return coder_lsp.Selection?
function M.selection(line_to_cursor)
  if vim.fn.pumvisible() == 0 then
    return nil
  end
  local word = vim.tbl_get(vim.fn.complete_info({ 'completed' }), 'completed', 'word')
  if not word or vim.endswith(line_to_cursor, word) then
    return nil
  end
  return { word = word, num_typed = M._num_typed(line_to_cursor, word) }
end

---@private
---@param line_to_cursor string
---@param word string
---@return integer
function M._num_typed(line_to_cursor, word)
  for length = #word - 1, 1, -1 do
    if vim.endswith(line_to_cursor, word:sub(1, length)) then
      return length
    end
  end
  return 0
end

return M
