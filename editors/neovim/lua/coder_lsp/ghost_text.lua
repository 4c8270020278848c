--- Draws a completion at the cursor, so that it looks as the buffer will once it is taken.
local M = {}

-- Neovim's own namespace, so that its `hide` clears what is drawn here.
local namespace = vim.api.nvim_create_namespace('nvim.lsp.inline_completion')

--- Draws `text` after the cursor.
---
--- What stands behind the cursor moves to the right of a single line. Of several lines it follows
--- the last one: the first covers it, and it is drawn again where it will come to stand.
---@param bufnr integer
---@param row integer 0-based
---@param column integer Byte column, 0-based.
---@param text string
---@param hint? string Which of several alternatives this is.
function M.draw(bufnr, row, column, text, hint)
  local lines = vim.split(text, '\n', { plain = true })
  local chunks = vim.tbl_map(function(line)
    return { { line, 'ComplHint' } }
  end, lines)
  local behind = vim.api.nvim_buf_get_lines(bufnr, row, row + 1, false)[1]:sub(column + 1)
  if #chunks > 1 and behind ~= '' then
    table.insert(chunks[1], { M._blanks_to_cover(behind, lines[1]) })
    table.insert(chunks[#chunks], { behind })
  end
  if hint then
    table.insert(chunks[#chunks], { hint, 'ComplHintMore' })
  end
  vim.api.nvim_buf_set_extmark(bufnr, namespace, row, column, {
    virt_text = chunks[1],
    virt_text_pos = #chunks > 1 and 'overlay' or 'inline',
    virt_lines = vim.list_slice(chunks, 2),
    hl_mode = 'combine',
  })
end

--- Writes a note behind the cursor's line, until the cursor moves. A message would do, were it not
--- that Neovim writes the mode over it in Insert mode.
---@param bufnr integer
---@param note string
function M.note(bufnr, note)
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  vim.api.nvim_buf_set_extmark(bufnr, namespace, row, 0, {
    virt_text = { { note, 'ComplHintMore' } },
    virt_text_pos = 'eol',
  })
end

---@private
function M._blanks_to_cover(behind, line)
  local first = vim.fn.virtcol('.') - 1
  local width = vim.fn.strdisplaywidth(behind, first) - vim.fn.strdisplaywidth(line, first)
  return (' '):rep(math.max(width, 0))
end

return M
