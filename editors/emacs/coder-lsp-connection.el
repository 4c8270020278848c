;;; coder-lsp-connection.el --- Talk to coder-lsp by lsp-mode or eglot  -*- lexical-binding: t; -*-

;; SPDX-License-Identifier: MIT

;;; Commentary:

;; A connection is what serves a buffer: a workspace of lsp-mode or a server of eglot.  This file is
;; the only one that knows which; both send and receive what the other files ask for.  Neither of
;; the two has to be installed.

;;; Code:

(require 'jsonrpc)
(require 'seq)

(defvar eglot-current-linepos-function)
(defvar eglot-move-to-linepos-function)
(defvar lsp--cur-workspace)
(declare-function eglot--server-info "ext:eglot" t t)
(declare-function eglot--signal-textDocument/didChange "ext:eglot" ())
(declare-function eglot-current-server "ext:eglot" ())
(declare-function eglot-managed-p "ext:eglot" ())
(declare-function eglot-path-to-uri "ext:eglot" (path &rest options))
(declare-function eglot-server-capable "ext:eglot" (&rest features))
(declare-function lsp--client-server-id "ext:lsp-mode" t t)
(declare-function lsp--cur-position "ext:lsp-mode" ())
(declare-function lsp--position-to-point "ext:lsp-mode" (position))
(declare-function lsp--text-document-identifier "ext:lsp-mode" ())
(declare-function lsp--workspace-client "ext:lsp-mode" t t)
(declare-function lsp--workspace-p "ext:lsp-mode" t t)
(declare-function lsp--workspace-status "ext:lsp-mode" t t)
(declare-function lsp-notify "ext:lsp-mode" (method params))
(declare-function lsp-request-async "ext:lsp-mode" (method params callback &rest options))
(declare-function lsp-workspaces "ext:lsp-mode" ())

(defconst coder-lsp-connection--patience 30
  "Seconds after which eglot gives up on an answer.
The first request may have to wait until the model is loaded.")

(defun coder-lsp-connection ()
  "Return the connection that serves the current buffer, or nil."
  (or (coder-lsp-connection--of-lsp-mode) (coder-lsp-connection--of-eglot)))

(defun coder-lsp-connection-by-lsp-mode-p (connection)
  "Whether CONNECTION is one of lsp-mode."
  (and (fboundp 'lsp--workspace-p) (lsp--workspace-p connection)))

(defun coder-lsp-connection-inline-p (connection)
  "Whether CONNECTION passes inline completions on.
A multiplexer between eglot and several servers asks only the first of them."
  (or (coder-lsp-connection-by-lsp-mode-p connection)
      (equal (plist-get (eglot--server-info connection) :name) "coder-lsp")))

(defun coder-lsp-connection-complete (connection kind callback)
  "Ask CONNECTION for inline completions at point; CALLBACK gets a list of them.
KIND is 1 for an explicit request and 2 for an automatic one.  An error is an
empty list."
  (coder-lsp-connection--request
   connection "textDocument/inlineCompletion"
   (append (coder-lsp-connection--place connection) `(:context (:triggerKind ,kind)))
   (lambda (result)
     (let ((items (if (vectorp result) result (coder-lsp-connection-get result "items"))))
       (funcall callback (append items nil))))))

(defun coder-lsp-connection-execute (connection command arguments callback)
  "Have the server of CONNECTION execute COMMAND with ARGUMENTS, a list.
CALLBACK gets the result: nil when there is none or something went wrong."
  (coder-lsp-connection--request connection "workspace/executeCommand"
                                 `(:command ,command :arguments ,(vconcat arguments))
                                 callback))

(defun coder-lsp-connection-send-settings (connection settings)
  "Tell the server of CONNECTION that its SETTINGS, a plist, have changed."
  (let ((params `(:settings (:coder-lsp ,settings))))
    (if (coder-lsp-connection-by-lsp-mode-p connection)
        (let ((lsp--cur-workspace connection))
          (lsp-notify "workspace/didChangeConfiguration" params))
      (jsonrpc-notify connection :workspace/didChangeConfiguration params))))

(defun coder-lsp-connection-point (connection position)
  "Return where POSITION, as the server of CONNECTION sent it, is in the buffer."
  (if (coder-lsp-connection-by-lsp-mode-p connection)
      (lsp--position-to-point position)
    (save-excursion
      (without-restriction
        (goto-char (point-min))
        (forward-line (coder-lsp-connection-get position "line"))
        (funcall eglot-move-to-linepos-function (coder-lsp-connection-get position "character"))
        (point)))))

(defun coder-lsp-connection-get (object key)
  "Return the value of KEY, a string, in OBJECT.
OBJECT is a hash table of lsp-mode or a plist, as eglot has them."
  (if (hash-table-p object)
      (gethash key object)
    (plist-get object (intern (concat ":" key)))))

(defun coder-lsp-connection--of-lsp-mode ()
  "Return lsp-mode's workspace of the current buffer that is ours, or nil.
When lsp-mode opens a file in a server that runs already, it tells of that
before the variable `lsp-mode' is set."
  (and (fboundp 'lsp-workspaces)
       (seq-find #'coder-lsp-connection-workspace-p (lsp-workspaces))))

(defun coder-lsp-connection-workspace-p (workspace)
  "Whether WORKSPACE of lsp-mode is one of coder-lsp and ready to be asked."
  (and (eq (lsp--client-server-id (lsp--workspace-client workspace)) 'coder-lsp)
       (eq (lsp--workspace-status workspace) 'initialized)))

(defun coder-lsp-connection--of-eglot ()
  "Return eglot's server of the current buffer if coder-lsp is behind it, or nil."
  (and (fboundp 'eglot-managed-p)
       (eglot-managed-p)
       (eglot-current-server)
       (seq-contains-p (eglot-server-capable :executeCommandProvider :commands)
                       "coder-lsp.accept")
       (eglot-current-server)))

(defun coder-lsp-connection--request (connection method params callback)
  "Send the request METHOD with PARAMS to CONNECTION; CALLBACK gets the result."
  (if (coder-lsp-connection-by-lsp-mode-p connection)
      (let ((lsp--cur-workspace connection))
        (lsp-request-async method params callback
                           :mode 'detached
                           :error-handler (lambda (&rest _) (funcall callback nil))))
    (eglot--signal-textDocument/didChange)
    (jsonrpc-async-request connection (intern (concat ":" method)) params
                           :success-fn callback
                           :error-fn (lambda (&rest _) (funcall callback nil))
                           :timeout-fn (lambda () (funcall callback nil))
                           :timeout coder-lsp-connection--patience)))

(defun coder-lsp-connection--place (connection)
  "Return document and position of point, as the server of CONNECTION counts."
  (if (coder-lsp-connection-by-lsp-mode-p connection)
      (list :textDocument (lsp--text-document-identifier) :position (lsp--cur-position))
    (without-restriction
      `(:textDocument (:uri ,(eglot-path-to-uri buffer-file-name))
        :position (:line ,(1- (line-number-at-pos nil t))
                   :character ,(funcall eglot-current-linepos-function))))))

(provide 'coder-lsp-connection)
;;; coder-lsp-connection.el ends here
