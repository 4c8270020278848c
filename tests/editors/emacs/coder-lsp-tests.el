;;; coder-lsp-tests.el --- Tests of the package without a server  -*- lexical-binding: t; -*-

;;; Code:

(require 'cl-lib)
(require 'coder-lsp)
(require 'ert)

(defvar coder-lsp-tests--told nil "Arguments of the commands that the server was told.")

(defmacro coder-lsp-tests--with-buffer (text &rest body)
  "Run BODY in a buffer with TEXT, point where | stands in it, and a connection that is none."
  (declare (indent 1))
  `(save-window-excursion
     (with-temp-buffer
       (switch-to-buffer (current-buffer))
       (insert ,text)
       (search-backward "|")
       (delete-char 1)
       (setq coder-lsp-tests--told nil)
       (cl-letf (((symbol-function 'coder-lsp-connection) (lambda () 'none))
                 ((symbol-function 'coder-lsp-connection-point)
                  (lambda (_connection position) (1+ (plist-get position :character))))
                 ((symbol-function 'coder-lsp-connection-execute)
                  (lambda (_connection _command arguments _callback)
                    (push arguments coder-lsp-tests--told))))
         (coder-lsp-ghost-mode 1)
         ,@body))))

(defun coder-lsp-tests--offer (start end &rest texts)
  "Have the server answer with TEXTS for the columns from START to END of the first line."
  (coder-lsp-ghost--receive
   'none
   (mapcar (lambda (text)
             `(:insertText ,text
               :range (:start (:line 0 :character ,start) :end (:line 0 :character ,end))
               :command (:command "coder-lsp.accept" :arguments [,text])))
           texts)
   2))

(defun coder-lsp-tests--do (command)
  "Run COMMAND as the command loop does."
  (setq this-command command)
  (call-interactively command)
  (run-hooks 'post-command-hook))

(defun coder-lsp-tests--type (text)
  "Type TEXT."
  (dolist (character (string-to-list text))
    (setq last-command-event character)
    (coder-lsp-tests--do #'self-insert-command)))

(defun coder-lsp-tests--shown ()
  "Return the ghost text, or nil."
  (and coder-lsp-ghost--overlay
       (substring-no-properties (overlay-get coder-lsp-ghost--overlay 'after-string))))

(ert-deftest coder-lsp-tests-what-is-typed-through-shortens-the-ghost-text ()
  (coder-lsp-tests--with-buffer "pri|"
    (coder-lsp-tests--offer 0 3 "print(1)")
    (should (equal (coder-lsp-tests--shown) "nt(1)"))
    (coder-lsp-tests--type "nt")
    (should (equal (coder-lsp-tests--shown) "(1)"))
    (coder-lsp-tests--type "(1)")
    (should-not (coder-lsp-tests--shown))))

(ert-deftest coder-lsp-tests-backspace-lengthens-the-ghost-text ()
  (coder-lsp-tests--with-buffer "pri|"
    (coder-lsp-tests--offer 0 3 "print(1)")
    (coder-lsp-tests--do #'delete-backward-char)
    (should (equal (coder-lsp-tests--shown) "int(1)"))))

(ert-deftest coder-lsp-tests-a-mismatch-and-a-move-take-it-away ()
  (dolist (leave (list (lambda () (coder-lsp-tests--type "v"))
                       (lambda () (coder-lsp-tests--do #'backward-char))
                       (lambda () (coder-lsp-tests--do #'coder-lsp-dismiss))))
    (coder-lsp-tests--with-buffer "pri|"
      (coder-lsp-tests--offer 0 3 "print(1)")
      (funcall leave)
      (should-not (coder-lsp-tests--shown))
      (should-not coder-lsp-ghost--items))))

(ert-deftest coder-lsp-tests-it-does-not-outlive-the-mode ()
  (dolist (change (list (lambda () (coder-lsp-ghost-mode -1)) #'text-mode))
    (coder-lsp-tests--with-buffer "pri|"
      (coder-lsp-tests--offer 0 3 "print(1)")
      (funcall change)
      (should-not (overlays-in (point-min) (point-max))))))

(ert-deftest coder-lsp-tests-an-edit-elsewhere-leaves-it ()
  (coder-lsp-tests--with-buffer "pri|"
    (coder-lsp-tests--offer 0 3 "print(1)")
    (save-excursion (goto-char (point-min)) (insert "x = 1\n"))
    (run-hooks 'post-command-hook)
    (should (equal (coder-lsp-tests--shown) "nt(1)"))
    (coder-lsp-tests--do #'coder-lsp-accept)
    (should (equal (buffer-string) "x = 1\nprint(1)"))))

(ert-deftest coder-lsp-tests-accepting-replaces-the-range ()
  (coder-lsp-tests--with-buffer "f(a|) # tail"
    (coder-lsp-tests--offer 2 4 "a, b)")
    (coder-lsp-tests--do #'coder-lsp-accept)
    (should (equal (buffer-string) "f(a, b) # tail"))
    (should (equal coder-lsp-tests--told '(("a, b)"))))
    (should-not (coder-lsp-tests--shown))))

(ert-deftest coder-lsp-tests-a-closer-that-emacs-inserts-is-not-doubled ()
  (coder-lsp-tests--with-buffer "f|"
    (let ((electric-pair-mode t))
      (electric-pair-local-mode 1)
      (coder-lsp-tests--offer 0 1 "f(a)")
      (coder-lsp-tests--type "(")
      (should (equal (coder-lsp-tests--shown) "a)"))
      (coder-lsp-tests--do #'coder-lsp-accept)
      (should (equal (buffer-string) "f(a)")))))

(ert-deftest coder-lsp-tests-each-part-is-told ()
  (coder-lsp-tests--with-buffer "re|"
    (coder-lsp-tests--offer 0 2 "result = 1\nprint(result)")
    (coder-lsp-tests--do #'coder-lsp-accept-word)
    (coder-lsp-tests--do #'coder-lsp-accept-line)
    (should (equal (buffer-string) "result = 1"))
    (should (equal (coder-lsp-tests--shown) "\nprint(result)"))
    (coder-lsp-tests--do #'coder-lsp-accept-line)
    (should (equal (buffer-string) "result = 1\nprint(result)"))
    (let ((id "result = 1\nprint(result)"))
      (should (equal (reverse coder-lsp-tests--told) `((,id 4) (,id 4) (,id)))))))

(ert-deftest coder-lsp-tests-no-answer-leaves-what-still-fits ()
  (coder-lsp-tests--with-buffer "pri|"
    (coder-lsp-tests--offer 0 3 "print(1)")
    (coder-lsp-ghost--receive 'none nil 2)
    (should (equal (coder-lsp-tests--shown) "nt(1)"))))

(ert-deftest coder-lsp-tests-alternatives-go-round ()
  (coder-lsp-tests--with-buffer "pri|"
    (coder-lsp-tests--offer 0 3 "print(1)" "private" "prior")
    (coder-lsp-tests--do #'coder-lsp-next)
    (should (equal (coder-lsp-tests--shown) "vate"))
    (coder-lsp-tests--do #'coder-lsp-previous)
    (coder-lsp-tests--do #'coder-lsp-previous)
    (should (equal (coder-lsp-tests--shown) "or"))
    (coder-lsp-tests--do #'coder-lsp-accept)
    (should (equal (buffer-string) "prior"))
    (should (equal coder-lsp-tests--told '(("prior"))))))

(ert-deftest coder-lsp-tests-a-late-answer-is-dropped ()
  (dolist (happens (list (lambda () (coder-lsp-tests--type "n"))
                         (lambda () (coder-lsp-tests--do #'coder-lsp-dismiss))
                         (lambda () (goto-char (point-min)))))
    (coder-lsp-tests--with-buffer "pri|"
      (let (answer)
        (cl-letf (((symbol-function 'coder-lsp-connection-complete)
                   (lambda (_connection _kind callback) (setq answer callback))))
          (coder-lsp-ghost--ask 2)
          (funcall happens)
          (funcall answer '((:insertText "print(1)")))
          (should-not (coder-lsp-tests--shown)))))))

(ert-deftest coder-lsp-tests-nothing-is-asked-for-while-a-popup-is-open ()
  (coder-lsp-tests--with-buffer "pri|"
    (let ((num-asked 0))
      (cl-letf (((symbol-function 'coder-lsp-connection-complete)
                 (lambda (&rest _) (cl-incf num-asked))))
        (let ((completion-in-region-mode t))
          (coder-lsp-ghost--ask-in (current-buffer)))
        (should (= num-asked 0))
        (coder-lsp-ghost--ask-in (current-buffer))
        (should (= num-asked 1))))))

(ert-deftest coder-lsp-tests-words-and-lines ()
  (dolist (case '(("nt(1)" "nt" "nt(1)") ("(1)" "(" "(1)") ("a_1.b" "a_1" "a_1.b") (" = 1\nb" " =" " = 1")
                  ("\n    b = 2\nc" "\n    b" "\n    b = 2") ("" "" "")))
    (pcase-let ((`(,text ,word ,line) case))
      (should (equal (coder-lsp-ghost-first-word text) word))
      (should (equal (coder-lsp-ghost-first-line text) line)))))

(ert-deftest coder-lsp-tests-settings-are-sent-by-the-servers-names ()
  (let ((coder-lsp-disk-cache nil)
        (coder-lsp-max-new-tokens 7))
    (should (equal (coder-lsp-settings-changed) '(:maxNewTokens 7 :diskCache :json-false)))
    (should (equal (plist-get (coder-lsp-settings-object) :completionCache) t))))

(ert-deftest coder-lsp-tests-a-changed-setting-is-told ()
  (let* ((told 0)
         (coder-lsp-settings-changed-hook (list (lambda () (cl-incf told)))))
    (setopt coder-lsp-threads 2)
    (should (= told 1))
    (should (equal (coder-lsp-settings-changed) '(:threads 2)))
    (setopt coder-lsp-threads 0)
    (should (= told 2))))

(ert-deftest coder-lsp-tests-the-mode-line-tells-the-status ()
  (coder-lsp-tests--with-buffer "|"
    (dolist (case '(("ready" "" nil " coder") ("busy" "Thinking" nil " coder:busy")
                    ("loading" "Loading" 40 " coder:40%%") ("error" "Do this" nil " coder:error")))
      (pcase-let ((`(,kind ,message ,progress ,shown) case))
        (let ((inhibit-message t))
          (coder-lsp--take-status 'none kind message progress))
        (should (equal (substring-no-properties (coder-lsp-mode-line)) shown))))))

(ert-deftest coder-lsp-tests-a-suggestion-is-shown-once ()
  (let ((coder-lsp--has-suggested nil)
        (native-comp-enable-subr-trampolines nil) ; needs a compiler to replace a primitive
        (shown nil))
    (cl-letf (((symbol-function 'message)
               (lambda (format &rest arguments) (push (apply #'format format arguments) shown))))
      (dolist (suggestion '(nil "Install more." "Install more."))
        (coder-lsp--take-status 'none "ready" "" nil suggestion)))
    (should (equal shown '("coder-lsp: Install more.")))))

(ert-deftest coder-lsp-tests-a-known-model-is-a-line-and-a-source ()
  (should
   (equal (coder-lsp--known-model
           '( :name "Small" :source "some/Small" :license "mit" :download_bytes 3100000000
              :memory_bytes 1900000000 :is_installed nil :is_recommended t
              :predicted (:decode_tokens_per_second 24.6)))
          '("Small (recommended, 3.1 GB to download, 1.9 GB of memory, 25 tokens/s, mit)"
            . "some/Small"))))

(provide 'coder-lsp-tests)
;;; coder-lsp-tests.el ends here
