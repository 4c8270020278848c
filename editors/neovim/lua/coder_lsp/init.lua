--- coder-lsp in Neovim: what a user's configuration may call. `:help coder-lsp` describes it.
local M = {}

--- Keeps the options and starts the server wherever it is for. Needless for the defaults, which
--- `vim.lsp.enable('coder_lsp')` starts by itself.
---@param options? table
function M.setup(options)
  require('coder_lsp.options').set(options or {})
  vim.lsp.enable('coder_lsp')
end

--- Takes the whole completion.
---@return boolean taken False when nothing is shown; so are all the others.
function M.accept()
  return require('coder_lsp.accept').accept(require('coder_lsp.pieces').all)
end

--- Takes the completion's next word.
---@return boolean
function M.accept_word()
  return require('coder_lsp.accept').accept(require('coder_lsp.pieces').word)
end

--- Takes the completion's next line.
---@return boolean
function M.accept_line()
  return require('coder_lsp.accept').accept(require('coder_lsp.pieces').line)
end

--- Shows the next alternative.
---@return boolean
function M.next()
  return M._select(1)
end

--- Shows the alternative before.
---@return boolean
function M.previous()
  return M._select(-1)
end

--- Hides the completion and leaves the text as it is.
---@return boolean
function M.dismiss()
  local completor = require('coder_lsp.completor')
  if not completor.shown() then
    return false
  end
  completor.clear(vim.api.nvim_get_current_buf())
  return true
end

--- Asks for completions now, with alternatives.
function M.trigger()
  require('coder_lsp.request').trigger()
end

--- Whether a completion is shown at the cursor.
---@return boolean
function M.is_shown()
  return require('coder_lsp.completor').shown() ~= nil
end

--- Switches completions on or off.
---@param wanted? boolean
function M.toggle(wanted)
  require('coder_lsp.server').toggle(wanted)
end

--- Switches completions off for some minutes; 0 switches them on again.
---@param minutes? number
function M.snooze(minutes)
  local default = require('coder_lsp.options').get().snooze_minutes
  require('coder_lsp.server').snooze(minutes or default)
end

--- Returns what the server is at: `kind`, `message`, and `progress` in percent.
---@return coder_lsp.Status
function M.status()
  return require('coder_lsp.status').get()
end

--- Returns the status in a few words, for the status line.
---@return string
function M.statusline()
  return require('coder_lsp.status').text()
end

---@private
---@param count integer
---@return boolean
function M._select(count)
  if not M.is_shown() then
    return false
  end
  vim.lsp.inline_completion.select({ count = count })
  return true
end

return M
