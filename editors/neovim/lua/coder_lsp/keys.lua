--- The keys of Insert mode. Each does what it did before wherever there is no completion for it.
local M = {}

local DESCRIPTION = 'coder-lsp: '

--- Maps the keys of the options in a buffer.
---@param bufnr integer
function M.map(bufnr)
  for action, key in pairs(require('coder_lsp.options').get().keys) do
    if key then
      M._map_key(bufnr, action, key)
    end
  end
end

---@private
---@param bufnr integer
---@param action string
---@param key string
function M._map_key(bufnr, action, key)
  local before = M._mapping(vim.api.nvim_buf_get_keymap(bufnr, 'i'), key)
  if before and vim.startswith(before.desc or '', DESCRIPTION) then
    return -- the server was started again
  end
  vim.keymap.set('i', key, function()
    if require('coder_lsp')[action]() == false then
      M._press(key, before or M._mapping(vim.api.nvim_get_keymap('i'), key))
    end
  end, { buffer = bufnr, desc = DESCRIPTION .. action:gsub('_', ' ') })
end

---@private
---@param mappings vim.api.keyset.get_keymap[]
---@param key string
---@return vim.api.keyset.get_keymap?
function M._mapping(mappings, key)
  local typed = vim.keycode(key)
  for _, mapping in ipairs(mappings) do
    if mapping.lhsraw == typed or mapping.lhsrawalt == typed then
      return mapping
    end
  end
end

--- Does what a key does by a mapping, or by itself when it has none.
---@private
---@param key string
---@param mapping? vim.api.keyset.get_keymap
function M._press(key, mapping)
  if not mapping then
    vim.api.nvim_feedkeys(vim.keycode(key), 'int', false)
    return
  end
  local is_expression = mapping.expr == 1
  if mapping.callback and not is_expression then
    mapping.callback()
    return
  end
  local keys = mapping.rhs
  if is_expression then
    keys = mapping.callback and mapping.callback() or vim.api.nvim_eval(mapping.rhs)
  end
  if not is_expression or mapping.replace_keycodes == 1 then
    keys = vim.keycode(keys or '')
  end
  vim.api.nvim_feedkeys(keys, mapping.noremap == 1 and 'int' or 'imt', false)
end

return M
