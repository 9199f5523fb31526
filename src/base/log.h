/* log.h - messages about the program itself, by how often they can occur: ERROR and WARN at any
 * time, INFO once per process or model, DEBUG once per request or session. The library never
 * writes anywhere of its own accord: messages go to a sink that the program sets. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

typedef void log_sink(void *context, enum log_level level, const char *message);
void log_set_sink(log_sink *sink, void *context, enum log_level most);
void log_message(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
