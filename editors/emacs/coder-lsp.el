;;; coder-lsp.el --- Code completion by a model inside a language server  -*- lexical-binding: t; -*-

;; Author: The coder-lsp authors
;; Version: 0.1.0
;; Package-Requires: ((emacs "30.1"))
;; Keywords: convenience, tools, languages
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; Ghost text from coder-lsp, a language server that completes code in the middle of a file with a
;; model that runs in its own process.  Nothing leaves the machine.
;;
;; It works through lsp-mode 10, beside the language's own server:
;;
;;     (add-hook 'prog-mode-hook #'lsp-deferred)
;;
;; or through eglot, which runs one server for a buffer: coder-lsp alone, with ghost text,
;;
;;     (coder-lsp-eglot-serve '(python-mode python-ts-mode))
;;     (add-hook 'python-mode-hook #'eglot-ensure)
;;
;; or behind the multiplexer rass, beside the language's own server.  Completions then come by
;; `completion-at-point', shown in the buffer by `global-completion-preview-mode':
;;
;;     (coder-lsp-eglot-serve '(python-mode python-ts-mode) "pylsp")
;;
;; While ghost text is shown: TAB takes it, C-<right> a word of it, C-M-<right> a line, M-n and M-p
;; show the next and the previous completion, C-g takes it away.  `coder-lsp-complete' asks for several.

;;; Code:

(require 'comint)
(require 'coder-lsp-connection)
(require 'coder-lsp-ghost)
(require 'coder-lsp-settings)
(require 'subr-x)

(defvar eglot-server-programs)
(defvar lsp-inline-completion-mode)
(declare-function eglot-handle-notification "ext:eglot" (server method &rest params))
(declare-function eglot "eglot" (managed-major-modes project class contact language-ids &optional interactive))
(declare-function eglot-reconnect "ext:eglot" (server &optional interactive))
(declare-function jsonrpc-stderr-buffer "jsonrpc" (connection))
(declare-function lsp "ext:lsp-mode" (&optional argument))
(declare-function lsp--workspace-client "ext:lsp-mode" t t)
(declare-function lsp--workspace-proc "ext:lsp-mode" t t)
(declare-function lsp--client-server-id "ext:lsp-mode" t t)
(declare-function lsp-inline-completion-mode "ext:lsp-inline-completion" (&optional argument))
(declare-function lsp-register-client "ext:lsp-mode" (client))
(declare-function lsp-stdio-connection "ext:lsp-mode" (command &optional test-command))
(declare-function lsp-workspace-restart "ext:lsp-mode" (workspace))
(declare-function make-lsp-client "ext:lsp-mode" t t)

(defcustom coder-lsp-command '("coder-lsp" "serve")
  "Program and arguments that start the server."
  :type '(repeat string)
  :group 'coder-lsp)

(defcustom coder-lsp-modes '(prog-mode)
  "Major modes in which lsp-mode starts coder-lsp; those derived from them too."
  :type '(repeat symbol)
  :group 'coder-lsp)

(defcustom coder-lsp-multiplexer '("rass")
  "Program and arguments that let eglot talk to several servers as to one."
  :type '(repeat string)
  :group 'coder-lsp)

(defcustom coder-lsp-ghost-text t
  "Whether to show completions as ghost text.
When nil, lsp-mode shows them by its own `lsp-inline-completion-mode', and eglot
by completion at point alone."
  :type 'boolean
  :group 'coder-lsp)

(defvar coder-lsp--statuses (make-hash-table :test 'eq :weakness 'key)
  "Kind, message and progress that the server of each connection told last.")

(defvar-local coder-lsp--by-lsp-mode nil "Whether it was lsp-mode that served this buffer last.")

(defvar-keymap coder-lsp-mode-map
  :doc "Keys wherever coder-lsp completes; empty, for yours.")

;;;###autoload
(define-minor-mode coder-lsp-mode
  "Complete in this buffer by coder-lsp, and show in the mode line what it is at.
It is turned on by itself wherever lsp-mode or eglot runs coder-lsp."
  :lighter (:eval (coder-lsp-mode-line))
  :group 'coder-lsp
  (let* ((connection (coder-lsp-connection))
         (has-ghost (and coder-lsp-mode coder-lsp-ghost-text connection
                         (coder-lsp-connection-inline-p connection))))
    (setq coder-lsp--by-lsp-mode (coder-lsp-connection-by-lsp-mode-p connection))
    (coder-lsp-ghost-mode (if has-ghost 1 -1))
    (when (and has-ghost (bound-and-true-p lsp-inline-completion-mode))
      (lsp-inline-completion-mode -1)))) ; one display is enough

(defun coder-lsp-mode-line ()
  "Return a short text on what coder-lsp is at."
  (pcase-let ((`(,kind ,message ,progress) (coder-lsp--status)))
    (propertize
     (pcase kind
       ("ready" " coder")
       ("loading" (if progress (format " coder:%d%%%%" progress) " coder:loading"))
       (_ (concat " coder:" kind)))
     'help-echo (if (or (null message) (string-empty-p message)) "coder-lsp" message)
     'face (and (member kind '("error" "stopped")) 'warning))))

;;;###autoload
(defun coder-lsp-toggle ()
  "Turn completions on or off, for all buffers of the server."
  (interactive)
  (coder-lsp--execute
   "coder-lsp.toggle" ()
   (lambda (result)
     (message "coder-lsp is %s" (if (eq (coder-lsp-connection-get result "enabled") t) "on" "off")))))

;;;###autoload
(defun coder-lsp-snooze (minutes)
  "Show no completions for MINUTES, ten by default; 0 ends the pause."
  (interactive (list (if current-prefix-arg (prefix-numeric-value current-prefix-arg) 10)))
  (coder-lsp--execute
   "coder-lsp.snooze" (list minutes)
   (lambda (result)
     (let ((seconds (or (coder-lsp-connection-get result "snoozedSeconds") 0)))
       (message (if (zerop seconds) "coder-lsp is awake" "coder-lsp is silent for %d minutes")
                (ceiling seconds 60))))))

;;;###autoload
(defun coder-lsp-stats ()
  "Show how many completions were shown and accepted, as counted on this machine."
  (interactive)
  (let ((text (coder-lsp--output "stats")))
    (with-help-window "*coder-lsp stats*"
      (princ text))))

;;;###autoload
(defun coder-lsp-choose-model ()
  "Choose one of the installed models, for now and for later sessions."
  (interactive)
  (let* ((models (mapcar #'coder-lsp--model-choice (coder-lsp--list "models" "--json")))
         (chosen (assoc (completing-read "Model: " models nil t) models)))
    (customize-save-variable 'coder-lsp-model (cdr chosen))))

;;;###autoload
(defun coder-lsp-install-model ()
  "Choose a model that is known to complete well, and install it.
A terminal buffer asks whether you accept its licence.  The first model
that is installed becomes the default."
  (interactive)
  (message "Measuring this machine for two seconds...")
  (let* ((models (mapcar #'coder-lsp--known-model (coder-lsp--list "install" "--list" "--json")))
         (chosen (assoc (completing-read "Install: " models nil t) models))
         (process-connection-type t)
         (default-directory temporary-file-directory))
    (pop-to-buffer
     (make-comint "coder-lsp install" (car coder-lsp-command) nil "install" (cdr chosen)))))

;;;###autoload
(defun coder-lsp-show-log ()
  "Show what the server wrote to standard error.
How much that is depends on `coder-lsp-log-level'."
  (interactive)
  (let* ((connection (coder-lsp--connection-or-lose))
         (name (if (coder-lsp-connection-by-lsp-mode-p connection)
                   (format "*%s::stderr*" (process-name (lsp--workspace-proc connection)))
                 (jsonrpc-stderr-buffer connection))))
    (display-buffer (get-buffer-create name))))

;;;###autoload
(defun coder-lsp-restart ()
  "Start the server anew, also after it has died."
  (interactive)
  (let ((connection (coder-lsp-connection)))
    (cond ((not coder-lsp-mode)
           (user-error "No coder-lsp has run in this buffer; M-x lsp or M-x eglot starts it"))
          ((not connection)
           (if coder-lsp--by-lsp-mode (lsp) (call-interactively #'eglot)))
          ((coder-lsp-connection-by-lsp-mode-p connection) (lsp-workspace-restart connection))
          (t (eglot-reconnect connection t)))))

;;;###autoload
(defun coder-lsp-eglot-serve (modes &rest command)
  "Have eglot run coder-lsp in the major MODES.
COMMAND, if there is one, starts the own server of the language, and
`coder-lsp-multiplexer' runs it beside coder-lsp."
  (let ((contact (if command
                     (lambda (&rest _) (coder-lsp--contact-of-two command))
                   (lambda (&rest _) (coder-lsp--contact)))))
    (with-eval-after-load 'eglot
      (add-to-list 'eglot-server-programs (cons modes contact)))))

(defun coder-lsp--contact ()
  "Return what eglot needs to know to start coder-lsp."
  `(,@coder-lsp-command :initializationOptions ,(or (coder-lsp-settings-changed) #s(hash-table))))

(defun coder-lsp--contact-of-two (command)
  "Return what eglot needs to know to start COMMAND and coder-lsp as one server.
The multiplexer gives what stands under a name to the server of that name only."
  `(,@coder-lsp-multiplexer "--" ,@command "--" ,@coder-lsp-command
    :initializationOptions (:rass (:coder-lsp ,(coder-lsp-settings-object)))))

(defun coder-lsp--status ()
  "Return kind, message and progress of the server of this buffer."
  (let ((connection (coder-lsp-connection)))
    (if connection
        (gethash connection coder-lsp--statuses '("starting" nil nil))
      '("stopped" "coder-lsp has stopped; M-x coder-lsp-restart starts it again" nil))))

(defvar coder-lsp--has-suggested nil
  "Whether the suggestion of a server was shown in this session.")

(defun coder-lsp--take-status (connection kind message progress &optional suggestion)
  "Keep KIND, MESSAGE and PROGRESS of a status of the server of CONNECTION.
Show SUGGESTION, if there is one, unless one was shown before."
  (when (and suggestion (not coder-lsp--has-suggested))
    (setq coder-lsp--has-suggested t)
    (message "coder-lsp: %s" suggestion))
  (unless (or (not (equal kind "error"))
              (equal message (cadr (gethash connection coder-lsp--statuses))))
    (message "coder-lsp: %s" message))
  (puthash connection (list kind message progress) coder-lsp--statuses)
  (force-mode-line-update t))

(defun coder-lsp--execute (command arguments callback)
  "Have the server execute COMMAND with ARGUMENTS and pass the result to CALLBACK."
  (coder-lsp-connection-execute (coder-lsp--connection-or-lose) command arguments callback))

(defun coder-lsp--connection-or-lose ()
  "Return the connection of this buffer, or tell what to do."
  (or (coder-lsp-connection)
      (user-error "No coder-lsp serves this buffer; M-x coder-lsp-restart starts it")))

(defun coder-lsp--output (&rest arguments)
  "Return what the program prints when it is run with ARGUMENTS."
  (with-temp-buffer
    (let ((status (apply #'call-process (car coder-lsp-command) nil '(t nil) nil arguments)))
      (unless (eq status 0)
        (user-error "%s %s ended with %s; `coder-lsp doctor' may tell why"
                    (car coder-lsp-command) (string-join arguments " ") status)))
    (buffer-string)))

(defun coder-lsp--list (&rest arguments)
  "Return the list of objects that the program prints for ARGUMENTS."
  (json-parse-string (apply #'coder-lsp--output arguments)
                     :object-type 'plist :array-type 'list :false-object nil :null-object nil))

(defun coder-lsp--known-model (model)
  "Return a line for MODEL, and what `coder-lsp install' takes.
MODEL is an object of `coder-lsp install --list --json'."
  (let ((predicted (plist-get model :predicted)))
    (cons (format "%s (%s%s, %.1f GB of memory, %.0f tokens/s, %s)"
                  (plist-get model :name)
                  (if (plist-get model :is_recommended) "recommended, " "")
                  (if (plist-get model :is_installed)
                      "installed"
                    (format "%.1f GB to download" (/ (plist-get model :download_bytes) 1e9)))
                  (/ (plist-get model :memory_bytes) 1e9)
                  (plist-get predicted :decode_tokens_per_second)
                  (plist-get model :license))
          (plist-get model :source))))

(defun coder-lsp--model-choice (model)
  "Return a line for MODEL and the value of `coder-lsp-model' for it.
MODEL is an object of `coder-lsp models --json'."
  (cons (concat (plist-get model :name)
                (and (plist-get model :error) " (damaged)"))
        (if (plist-get model :embedded) "embedded" (plist-get model :path))))

(defun coder-lsp--send-settings ()
  "Send the settings to all servers of coder-lsp."
  (dolist (connection (delete-dups (delq nil (mapcar #'coder-lsp--connection-of (buffer-list)))))
    (coder-lsp-connection-send-settings connection (coder-lsp-settings-object))))

(defun coder-lsp--connection-of (buffer)
  "Return the connection that serves BUFFER, or nil."
  (with-current-buffer buffer
    (and coder-lsp-mode (coder-lsp-connection))))

(defun coder-lsp--maybe-turn-on ()
  "Turn `coder-lsp-mode' on if it is coder-lsp that serves this buffer."
  (when (coder-lsp-connection)
    (coder-lsp-mode 1)))

(defun coder-lsp--after-exit (workspace)
  "Say that the server of WORKSPACE of lsp-mode has ended, if it is ours."
  (when (eq (lsp--client-server-id (lsp--workspace-client workspace)) 'coder-lsp)
    (message "coder-lsp has stopped; M-x coder-lsp-restart starts it again")
    (force-mode-line-update t)))

(defun coder-lsp--take-lsp-mode-status (workspace params)
  "Keep the status in PARAMS of the server of WORKSPACE of lsp-mode."
  (apply #'coder-lsp--take-status workspace
         (mapcar (lambda (key) (coder-lsp-connection-get params key))
                 '("kind" "message" "progress" "suggestion"))))

(defun coder-lsp--register-with-lsp-mode ()
  "Tell lsp-mode of the server."
  (let ((handlers (make-hash-table :test 'equal)))
    (puthash "coder-lsp/status" #'coder-lsp--take-lsp-mode-status handlers)
    (lsp-register-client
     (make-lsp-client
      :new-connection (lsp-stdio-connection (lambda () coder-lsp-command))
      :activation-fn (lambda (_file mode) (provided-mode-derived-p mode coder-lsp-modes))
      :server-id 'coder-lsp
      :add-on? t
      :multi-root t ; one model in memory for all projects
      :notification-handlers handlers
      :custom-capabilities '((experimental . ((coderLspStatus . t))))
      :initialization-options #'coder-lsp-settings-changed)))
  (add-hook 'lsp-after-open-hook #'coder-lsp--maybe-turn-on)
  (add-hook 'lsp-after-uninitialized-functions #'coder-lsp--after-exit))

(defun coder-lsp--register-with-eglot ()
  "Have eglot tell of buffers and of the status of the server."
  (cl-defmethod eglot-handle-notification
    (server (_method (eql coder-lsp/status)) &key kind message progress suggestion
            &allow-other-keys)
    "Keep the status of SERVER: KIND, MESSAGE, PROGRESS and SUGGESTION."
    (coder-lsp--take-status server kind message progress suggestion))
  (cl-defmethod eglot-client-capabilities :around (_server)
    "Say that the status is shown; servers that know nothing of it ignore this."
    ;; eglot itself announces nothing experimental.
    (plist-put (copy-sequence (cl-call-next-method)) :experimental '(:coderLspStatus t)))
  (add-hook 'eglot-managed-mode-hook #'coder-lsp--maybe-turn-on))

(add-hook 'coder-lsp-settings-changed-hook #'coder-lsp--send-settings)

;; Either client brings this file in when the package is installed.
;;;###autoload (with-eval-after-load 'lsp-mode (require 'coder-lsp))
;;;###autoload (with-eval-after-load 'eglot (require 'coder-lsp))
(with-eval-after-load 'lsp-mode (coder-lsp--register-with-lsp-mode))
(with-eval-after-load 'eglot (coder-lsp--register-with-eglot))

(provide 'coder-lsp)
;;; coder-lsp.el ends here
