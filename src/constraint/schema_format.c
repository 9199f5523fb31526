/* schema_format.c - the formats of strings as regular expressions of whole texts.
 *
 * Each admits what validators in use admit (ajv-formats has most of them), or less: answers must be
 * valid for all of them. Sources: RFC 3339 (dates, times, durations), 5321 (addresses), 1123
 * (hosts), 4291 (IPv6), 3986 (URIs), 6570 (templates), 6901 (pointers), 4648 (base64), 9562
 * (UUIDs). Labels and numbers have limits of length where the standard limits the whole. Formats
 * that only say how a number or a secret is handled constrain no text.
 */
#include "constraint/schema.h"

#include <string.h>

#define LEAP_YEAR "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
#define DATE                                                                                       \
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"                                 \
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))|" LEAP_YEAR "-02-29)"
#define CLOCK "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?"
#define ZONE  "(?:Z|[+\\-](?:[01][0-9]|2[0-3]):[0-5][0-9])"

#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9\\-]{0,30}[A-Za-z0-9])?"
#define ATOM  "[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\-]{1,32}"
#define BYTE  "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define GROUP "[0-9A-Fa-f]{1,4}"
#define HEX   "[0-9A-Fa-f]"

#define SEGMENT_CHARACTER "(?:[A-Za-z0-9\\-._~!$&'()*+,;=:@]|%" HEX HEX ")"
#define PLAIN_CHARACTER   "(?:[A-Za-z0-9\\-._~!$&'()*+,;=@]|%" HEX HEX ")"
#define TAIL              "(?:" SEGMENT_CHARACTER "|[/?])*"
#define QUERY             "(?:\\?" TAIL ")?(?:#" TAIL ")?"
#define URI                                                                                        \
    "[A-Za-z][A-Za-z0-9+.\\-]{0,15}:(?://(?:[A-Za-z0-9\\-._~]|%" HEX HEX ")+(?::[0-9]{1,5})?"      \
    "(?:/" SEGMENT_CHARACTER "*)*|" SEGMENT_CHARACTER "+(?:/" SEGMENT_CHARACTER "*)*)" QUERY
#define RELATIVE "/?" PLAIN_CHARACTER "+(?:/" SEGMENT_CHARACTER "*)*" QUERY
#define POINTER  "(?:/(?:[^~/]|~0|~1)*)*"

#define COUNT   "[0-9]{1,6}"
#define DAYTIME "T(?:" COUNT "H(?:" COUNT "M)?(?:" COUNT "S)?|" COUNT "M(?:" COUNT "S)?|" COUNT "S)"
#define DURATION                                                                                   \
    "P(?:" COUNT "W|(?:" COUNT "Y(?:" COUNT "M)?(?:" COUNT "D)?|" COUNT "M(?:" COUNT "D)?|" COUNT  \
    "D)(?:" DAYTIME ")?|" DAYTIME ")"

static const struct {
    const char *name, *expression;
} formats[] = {
    {"date", DATE},
    {"time", CLOCK ZONE},
    {"date-time", DATE "T" CLOCK ZONE},
    {"iso-time", CLOCK ZONE "?"},
    {"iso-date-time", DATE "T" CLOCK ZONE "?"},
    {"duration", DURATION},
    {"email", ATOM "(?:\\." ATOM "){0,3}@(?:" LABEL "\\.){1,4}" LABEL},
    {"idn-email", ATOM "(?:\\." ATOM "){0,3}@(?:" LABEL "\\.){1,4}" LABEL},
    {"hostname", LABEL "(?:\\." LABEL "){0,6}"},
    {"idn-hostname", LABEL "(?:\\." LABEL "){0,6}"},
    {"ipv4", "(?:" BYTE "\\.){3}" BYTE},
    {"ipv6", "(?:" GROUP ":){7}" GROUP "|(?:" GROUP ":){1,7}:|(?:" GROUP ":){1,6}:" GROUP
             "|(?:" GROUP ":){1,5}(?::" GROUP "){1,2}|(?:" GROUP ":){1,4}(?::" GROUP
             "){1,3}|(?:" GROUP ":){1,3}(?::" GROUP "){1,4}|(?:" GROUP ":){1,2}(?::" GROUP
             "){1,5}|" GROUP ":(?::" GROUP "){1,6}|:(?:(?::" GROUP "){1,7}|:)"},
    {"uri", URI},
    {"iri", URI},
    {"uri-reference", "(?:" URI "|" RELATIVE ")"},
    {"iri-reference", "(?:" URI "|" RELATIVE ")"},
    {"url",
     "https?://(?:(?:[a-z0-9]{1,31}-){0,3}[a-z0-9]{1,31}\\.){1,5}[a-z]{2,24}(?::[1-9][0-9]{1,4})?"
     "(?:/[A-Za-z0-9\\-._~!$&'()*+,;=:@%/?#]*)?"},
    {"uri-template",
     "(?:[A-Za-z0-9\\-._~:/?#@!$&()*+,;=]|\\{[A-Za-z0-9_]{1,64}(?:,[A-Za-z0-9_]{1,64}){0,7}\\})*"},
    {"uuid", HEX "{8}-(?:" HEX "{4}-){3}" HEX "{12}"},
    {"json-pointer", POINTER},
    {"relative-json-pointer", "(?:0|[1-9][0-9]{0,8})(?:#|" POINTER ")"},
    {"byte", "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"},
    {"binary", ""},
    {"password", ""},
    {"int32", ""},
    {"int64", ""},
    {"float", ""},
    {"double", ""},
};

const char *schema_format(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return formats[i].expression;
    return strcmp(name, "regex") == 0 ? NULL : "";
}
