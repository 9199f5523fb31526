/* eval_script.h - the text of eval_judge.py. */
#ifndef EVAL_EVAL_SCRIPT_H
#define EVAL_EVAL_SCRIPT_H

extern const char eval_script_text[]; /* NUL-terminated */

#endif
