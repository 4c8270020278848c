--- Takes what is shown, or a part of it, into the buffer, and tells the server.
local completor = require('coder_lsp.completor')
local pieces = require('coder_lsp.pieces')

local M = {}

--- Takes what `piece` gives of the text that is shown.
---@param piece fun(text: string): string
---@return boolean taken False when nothing is shown.
function M.accept(piece)
  if not completor.is_known() then
    return piece == pieces.all and M._accept_by_neovim()
  end
  local shown = completor.shown()
  if not shown then
    return false
  end
  local text = piece(shown.rest)
  completor.clear(shown.bufnr)
  local row, column = M._insert(shown, text)
  if text == shown.rest then
    M._execute(shown, shown.command)
  else
    M._tell_part(shown, vim.fn.strchars(text))
    M._offer_rest(shown, row, column, shown.rest:sub(#text + 1))
  end
  return true
end

---@private
---@return boolean
function M._accept_by_neovim()
  return vim.lsp.inline_completion.get({ on_accept = M._grow })
end

--- Lets an item's range reach to the cursor.
---
--- Neovim 0.12.4 does not move it while the user types on, and would leave behind what was typed
--- (neovim issue 36529). Returns nil, so that nothing happens, where the text does not agree.
---@private
---@param item vim.lsp.inline_completion.Item
---@return vim.lsp.inline_completion.Item?
function M._grow(item)
  local range, row, column = item.range, unpack(vim.api.nvim_win_get_cursor(0))
  row = row - 1
  if not range or type(item.insert_text) ~= 'string' or range.end_row ~= row then
    return item
  end
  local typed = vim.api.nvim_get_current_line():sub(range.start_col + 1, column)
  if not pieces.rest(item.insert_text, typed) then
    return nil
  end
  item.range = vim.range(0, range.start_row, range.start_col, row, column)
  return item
end

--- Inserts at the cursor, as a change of its own to undo; returns where the text ends.
---@private
---@param shown coder_lsp.Shown
---@param text string
---@return integer row 0-based
---@return integer column 0-based, in bytes
function M._insert(shown, text)
  local lines = vim.split(text, '\n', { plain = true })
  -- Ends the undo block of what was typed before (see |undo-break|).
  vim.go.undolevels = vim.go.undolevels
  local row, column = shown.row, shown.column
  vim.api.nvim_buf_set_text(shown.bufnr, row, column, row, column, lines)
  local last = row + #lines - 1
  local end_column = #lines[#lines] + (#lines == 1 and column or 0)
  vim.api.nvim_win_set_cursor(0, { last + 1, end_column })
  -- And begins another one for what is typed next.
  vim.api.nvim_feedkeys(vim.keycode('<C-g>u'), 'in', false)
  return last, end_column
end

--- Keeps showing what was not taken.
---@private
---@param shown coder_lsp.Shown
---@param row integer
---@param column integer
---@param rest string
function M._offer_rest(shown, row, column, rest)
  local client = vim.lsp.get_client_by_id(shown.client_id)
  if not client then
    return
  end
  local line = vim.api.nvim_buf_get_lines(shown.bufnr, row, row + 1, false)[1]
  local character = vim.str_utfindex(line, client.offset_encoding, column)
  local position = { line = row, character = character }
  completor.offer(shown.bufnr, shown.client_id, {
    {
      insertText = rest,
      range = { start = position, ['end'] = position },
      command = shown.command,
    },
  })
end

---@private
---@param shown coder_lsp.Shown
---@param num_characters integer In code points.
function M._tell_part(shown, num_characters)
  local command = shown.command
  local id = command and vim.tbl_get(command, 'arguments', 1)
  if id then
    M._execute(shown, vim.tbl_extend('force', command, { arguments = { id, num_characters } }))
  end
end

---@private
---@param shown coder_lsp.Shown
---@param command? lsp.Command
function M._execute(shown, command)
  local client = vim.lsp.get_client_by_id(shown.client_id)
  if client and command then
    client:exec_cmd(command, { bufnr = shown.bufnr })
  end
end

return M
