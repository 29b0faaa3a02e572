// Where characters come from, what errors say, and that no template can take more than it may.
#include "inference/jinja/template.h"

#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "inference/jinja/json_value.h"
#include "nlohmann/json.hpp"

namespace strata::inference::jinja {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// What comes from data in brackets.
std::string Marked(const Text& text) {
  std::string marked;
  size_t begin = 0;
  for (const Text::Run& run : text.runs()) {
    const std::string part = text.bytes().substr(begin, run.end - begin);
    marked += run.origin == Origin::kData ? "[" + part + "]" : part;
    begin = run.end;
  }
  return marked;
}

absl::StatusOr<std::string> RenderMarked(const std::string& source, const nlohmann::json& data) {
  STRATA_ASSIGN_OR_RETURN(const Template parsed, Template::Parse(source, "chat template"));
  Heap heap;
  Variables variables;
  for (const auto& [name, json] : data.items()) {
    STRATA_ASSIGN_OR_RETURN(Value value, ValueFromJson(json, Origin::kData, &heap));
    variables.emplace_back(name, std::move(value));
  }
  RenderOptions options;
  options.clock = [] {
    std::tm day{};
    day.tm_year = 124, day.tm_mon = 6, day.tm_mday = 6, day.tm_hour = 7;
    return day;
  };
  STRATA_ASSIGN_OR_RETURN(const Text text, parsed.Render(&heap, variables, options));
  return Marked(text);
}

// The same; the message of an error.
std::string Rendered(const std::string& source) {
  const absl::StatusOr<std::string> marked = RenderMarked(source, nlohmann::json::object());
  return marked.ok() ? *marked : std::string(marked.status().message());
}

struct OriginCase {
  const char* source;
  const char* expected;
};

// u is "User <b>", l is ["a", "b"].
const OriginCase kOrigins[] = {
    {"<|u|>{{ u }}<|e|>", "<|u|>[User <b>]<|e|>"},
    {"{{ '<' + u + '>' }}", "<[User <b>]>"},
    {"{{ u ~ u ~ '!' }}", "[User <b>User <b>]!"},
    {"{{ u|upper }} {{ 'x'|upper }}", "[USER <B>] X"},
    {"{{ u[0] ~ u[-3:] ~ u[::-1] }}", "[U<b>>b< resU]"},
    {"{{ u.split(' ')[1] }} {{ u.replace('User', 'You') }}", "[<b>] You[ <b>]"},
    {"{{ ('  ' ~ u ~ '  ')|trim }} {{ (u ~ ' ').strip() }}", "[User <b>] [User <b>]"},
    {"{{ l|join(', ') }} {{ '-'.join(l) }}", "[a], [b] [a]-[b]"},
    {"{{ {l[0]: u}|tojson }}", "{\"[a]\": \"[User <b>]\"}"},
    {"{{ {l[0]: u} }}", "{'[a]': '[User <b>]'}"},
    {"{{ '%s: %s' % ('q', u) }} {{ '{}'.format(u) }}", "q: [User <b>] [User <b>]"},
    {"{% set x %}a{{ u }}b{% endset %}{{ x }}", "a[User <b>]b"},
    {"{% macro m(t) %}<{{ t }}>{% endmacro %}{{ m(u) }}", "<[User <b>]>"},
    {"{% filter lower %}A{{ u }}{% endfilter %}", "a[user <b>]"},
    {"{% for c in u %}{{ c }}.{% endfor %}", "[U].[s].[e].[r].[ ].[<].[b].[>]."},
    {"{{ u|indent(2, true) }} {{ u|escape }}", "  [User <b>] [User &lt;b&gt;]"},
    {"{{ u|title }} {{ u|capitalize }} {{ u|center(10) }}", "[User <B>] [User <b>]  [User <b>] "},
    {"{{ u|list|reverse|join }} {{ u|truncate(6, true, '..', 0) }}", "[>b< resU] [User].."},
};

TEST(Template, CharactersKeepTheirOrigin) {
  const nlohmann::json data = {{"u", "User <b>"}, {"l", {"a", "b"}}};
  for (const OriginCase& one : kOrigins) {
    auto marked = RenderMarked(one.source, data);
    ASSERT_THAT(marked, IsOk()) << one.source;
    EXPECT_EQ(*marked, one.expected) << one.source;
  }
}

TEST(Template, ClockOfStrftimeNow) {
  EXPECT_EQ(Rendered("{{ strftime_now('%d %b %Y, %-d %H%%') }}"), "06 Jul 2024, 6 07%");
  EXPECT_THAT(Rendered("{{ strftime_now('%99999d') }}"), HasSubstr("the field at character 1"));
}

// As list methods change lists in Python; Jinja's sandbox forbids them.
TEST(Template, ListsAndDictsCanBeChanged) {
  EXPECT_EQ(Rendered("{% set l = [1] %}{% set _ = l.append(2) %}{% set _ = l.insert(0, 3) %}"
                     "{{ l|join }} {{ l.pop() }} {{ l|length }}{% set _ = l.extend((4, 5)) %}"
                     " {{ l|sum }}"),
            "312 2 2 13");
  EXPECT_EQ(Rendered("{% set d = {'a': 1, 'b': 2} %}{{ d.pop('a') }}{{ d.pop('a', 7) }}"
                     "{% set _ = d.update({'c': 3}, e=4) %}{{ d.keys()|join }}"
                     "{{ d.setdefault('c', 9) }}{{ d.setdefault('f', 9) }}"),
            "17bce39");
}

TEST(Template, GenerationBlocksAreTransparent) {
  EXPECT_EQ(Rendered("a{% generation %}b{% endgeneration %}c"), "abc");
}

struct ErrorCase {
  const char* source;
  const char* message;
};

const ErrorCase kErrors[] = {
    {"{{ x", "chat template, line 1, column 1: the tag never ends; close it with }}"},
    {"a\n{% if x %}b", "line 2, column 4: the block never ends; close it with {% elif %} or"},
    {"{# x", "line 1, column 1: the comment never ends; close it with #}"},
    {"{% raw %}", "line 1, column 1: raw never ends; close it with {% endraw %}"},
    {"{{ 'abc }}", "line 1, column 4: the string never ends; close its quote"},
    {"{{ 'a\\u12' }}", "line 1, column 6: \\u needs 4 hex digits"},
    {"{{ (1] }}", "line 1, column 6: ']' where ')' must come"},
    {"{{ 1) }}", "line 1, column 5: ')' closes nothing"},
    {"{{ a ? b }}", "line 1, column 6: '?' has no meaning in a tag; put it in quotes"},
    {"{{ 12a }}", "line 1, column 4: a number may not be followed by a letter"},
    {"{{ 99999999999999999999 }}", "the integer is beyond 64 bits; write a float"},
    {"{{ }}", "line 1, column 4: expected an expression, found '}}'"},
    {"{{ a. }}", "expected a name or a number after '.', found '}}'"},
    {"{{ a b }}", "line 1, column 6: expected '}}', found 'b'"},
    {"{{ f(a=1, 2) }}", "arguments without a name must come first"},
    {"{% include 'x' %}", "expected if, for, set, with, macro"},
    {"{% endif %}", "found 'endif'"},
    {"{% for x of y %}{% endfor %}", "expected 'in', found 'of'"},
    {"{% for x in y recursive %}{% endfor %}", "recursive loops are not supported; use a macro"},
    {"{% break %}", "break outside of a loop"},
    {"{% set true = 1 %}", "true cannot be assigned to"},
    {"{% macro f(a=1, b) %}{% endmacro %}", "a parameter without a default comes after one with"},
    {"{% call 1 %}{% endcall %}", "a call block needs a call"},
    {"\xff", "line 1, column 1: the template is not UTF-8; save it as UTF-8"},
    {"{{ x.y.z }}", "line 1, column 5: 'x' is undefined"},
    {"\n\n  {{ d.a.b }}", "chat template, line 3, column 9: 'dict object' has no attribute 'a'"},
    {"{{ d['a']['b'] }}", "'dict object' has no attribute 'a'"},
    {"{{ [1][5].x }}", "list object has no element 5"},
    {"{{ x() }}", "'x' is undefined"},
    {"{{ d.a() }}", "'dict object' has no attribute 'a'"},
    {"{{ 'a'() }}", "a str cannot be called"},
    {"{{ x + 1 }}", "'x' is undefined"},
    {"{{ 'a' + 1 }}", "`+` cannot be applied to a str and a int; join strings with ~"},
    {"{{ none - 1 }}", "`-` cannot be applied to a NoneType and a int"},
    {"{{ 1 // 0 }}", "division by zero"},
    {"{{ 9223372036854775807 + 1 }}", "an integer is beyond 64 bits; use floats"},
    {"{{ 1 < 'a' }}", "a int and a str have no order"},
    {"{{ 1 in 5 }}", "nothing can be in a int"},
    {"{{ 1 in 'a' }}", "only a string can be in a string, not a int"},
    {"{{ x|tojson }}", "a value of type Undefined cannot be written as JSON: 'x' is undefined"},
    {"{{ 1|nope }}", "line 1, column 6: there is no filter 'nope'; there are abs, attr, batch"},
    {"{{ 1 is nope }}", "there is no test 'nope'; there are !=, <"},
    {"{{ 1|replace }}", "replace(s, old, new, count) needs the argument 'old'"},
    {"{{ 1|trim(1, 2, 3) }}", "trim(value, chars) got 4 arguments"},
    {"{{ 'a'|trim(x=1) }}", "trim(value, chars) has no argument 'x'"},
    {"{{ 1|length }}", "a int has no length"},
    {"{{ [1]|map('upper')|length }}", "a generator has no length; make it a list"},
    {"{% for x in 5 %}{% endfor %}", "a int cannot be iterated"},
    {"{% set a, b = [1] %}", "there are 2 names for 1 values"},
    {"{% set d.x = 1 %}", "'d' is no namespace; make it with {% set d = namespace() %}"},
    {"{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "macro f takes at most 1 arguments, not 2"},
    {"{% macro f(a) %}{% endmacro %}{{ f(b=1) }}", "macro f has no parameter 'b'"},
    {"{% macro f(a) %}{{ a.b.c }}{% endmacro %}\n{{ f({}) }}",
     "line 1, column 23: 'dict object' has no attribute 'b'"},
    {"a\n{{ raise_exception('No ' ~ d.n) }}", "chat template, line 2, column 19: No 5"},
    {"{{ '%d' % 'a' }}", "%d takes a number, not a str"},
    {"{{ '%s %s' % 1 }}", "the format string has more fields than there are values"},
    {"{{ [1][::0] }}", "the step of a slice is 0"},
    {"{{ {[]: 1} }}", "a list cannot be a key of a dict"},
    {"{{ range(0, 10, 0) }}", "the step of range is 0"},
};

TEST(Template, ErrorsTellThePlaceTheFaultAndWhatToDo) {
  const nlohmann::json data = {{"d", {{"n", 5}}}};
  for (const ErrorCase& one : kErrors) {
    const auto result = RenderMarked(one.source, data);
    ASSERT_FALSE(result.ok()) << one.source << " gave " << *result;
    EXPECT_THAT(std::string(result.status().message()), StartsWith("chat template, line "))
        << one.source;
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(one.message)) << one.source;
  }
}

std::string Times(const std::string& part, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += part;
  return text;
}

// Each would take for ever, or all memory, or all of the stack.
TEST(Template, HostileTemplatesEndInErrors) {
  const std::string sources[] = {
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{{ 'a' * 999999999999 }}",
      "{{ [0] * 999999999999 }}",
      "{{ range(9999999999) }}",
      "{{ '%99999999d' % 1 }}",
      "{{ 'a'|center(999999999999) }}",
      "{{ 'a'.rjust(999999999999) }}",
      "{{ 2 ** 9999999 }}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f(n) %}{{ f(n) ~ f(n) }}{% endmacro %}{{ f(1) }}",
      "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}"
      "{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
      "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(99) %}"
      "{% set ns.s = ns.s.replace('a', ns.s) %}{% endfor %}",
      "{% set ns = namespace(l=[]) %}{% for i in range(500) %}{% set ns.l = [ns.l, ns.l] %}"
      "{% endfor %}{{ ns.l }}",
      "{% set ns = namespace(l=[]) %}{% for i in range(90) %}{% set ns.l = [ns.l, ns.l] %}"
      "{% endfor %}{{ ns.l|tojson }}",
      "{% set ns = namespace(l=[], m=[]) %}{% for i in range(90) %}{% set ns.l = [ns.l, ns.l] %}"
      "{% set ns.m = [ns.m, ns.m] %}{% endfor %}{{ ns.l == ns.m }}",
      "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}",
      "{% set l = [] %}{% set _ = l.append(l) %}{{ l|tojson }}",
      "{% set l = [] %}{% set m = [] %}{% set _ = l.append(l) %}{% set _ = m.append(m) %}"
      "{{ l == m }}",
      "{% set d = {} %}{% set _ = d.update(d=d) %}{{ d }}",
      "{% set ns = namespace() %}{% set ns.n = ns %}{{ ns }}",
      "{% for i in range(99999) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' * 99 }}"
      "{% endfor %}",
      "{% set a = 'a' * 99999 %}{% for i in range(99999) %}{% if 'b' in a %}{% endif %}{% endfor "
      "%}",
      "{% set a = ('a' * 99999)|list %}{% for i in range(9999) %}{% set b = a|sort %}{% endfor %}",
      "{{ " + Times("(", 5000) + "1" + Times(")", 5000) + " }}",
      "{{ " + Times("not ", 5000) + "1 }}",
      "{{ " + Times("-", 5000) + "1 }}",
      "{{ 1" + Times(" + 1", 5000) + " }}",
      "{{ x" + Times(".a", 5000) + " }}",
      "{{ x" + Times("|trim", 5000) + " }}",
      "{{ " + Times("[", 5000) + Times("]", 5000) + " }}",
      "{{ 1" + Times(" if 1 else 1", 5000) + " }}",
      Times("{% if 1 %}", 5000) + Times("{% endif %}", 5000),
      "{% set " + Times("(", 5000) + "a" + Times(")", 5000) + " = 1 %}",
  };
  for (const std::string& source : sources) {
    const absl::StatusOr<Template> parsed = Template::Parse(source, "t");
    absl::Status status = parsed.status();
    if (parsed.ok()) {
      Heap heap({.output = 1 << 20, .memory = 16 << 20, .steps = 200'000});
      status = parsed->Render(&heap, {}).status();
    }
    EXPECT_FALSE(status.ok()) << source.substr(0, 200);
    EXPECT_THAT(std::string(status.message()), StartsWith("t, line ")) << source.substr(0, 200);
  }
}

TEST(Template, LimitsAreSaid) {
  const auto render = [](const std::string& source, Limits limits) {
    Heap heap(limits);
    return Template::Parse(source, "t")->Render(&heap, {}).status();
  };
  EXPECT_THAT(render("{{ 'ab' * 60 }}", {.output = 100}),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("writes more than 100 bytes; shorten the conversation")));
  EXPECT_THAT(render("{{ 'ab' * 60000 }}", {.memory = 50'000}),
              StatusIs(absl::StatusCode::kResourceExhausted,
                       HasSubstr("needs more than 50000 bytes of memory")));
  EXPECT_THAT(render("{% for i in range(100) %}{{ i }}{% endfor %}", {.steps = 100}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("more than 100 steps")));
  EXPECT_THAT(render("{{ 'ab' * 50 }}", {.output = 100}), IsOk());
}

TEST(Template, IsSafeToCopyAndToRenderManyTimes) {
  STRATA_ASSERT_OK_AND_ASSIGN(const Template parsed,
                              Template::Parse("{{ x }}{% set x = 2 %}", "t"));
  const Template copy = parsed;
  for (int i = 0; i < 3; ++i) {
    Heap heap;
    STRATA_ASSERT_OK_AND_ASSIGN(const Text text, copy.Render(&heap, {{"x", Value::Int(i)}}));
    EXPECT_EQ(text.bytes(), std::to_string(i));
  }
}

}  // namespace
}  // namespace strata::inference::jinja
