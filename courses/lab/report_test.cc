#include "courses/lab/report.h"

#include <limits>
#include <random>

#include "absl/strings/str_replace.h"
#include "base/file.h"
#include "base/status_matchers.h"
#include "courses/lab/highlight.h"
#include "courses/lab/svg_plot.h"
#include "courses/lab/well_formed.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace strata::courses {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kNasty[] = "<&\"'>]]></script>\x01\xFF\u4E2D";

Report Everything(const std::string& text) {
  Report report(text, text);
  report.AddCard({text, text, text, Check::kPass});
  report.AddCard({"plain", "1"});
  report.AddSection(text);
  report.AddSubsection(text);
  report.AddParagraph(text);
  report.AddList({text, text});
  report.AddTable(
      {{{text}, {"number", true}, {"code", false, true}}, {{text, 1.5, text}, {text}}, text});
  report.AddCode(text, "c", text);
  report.AddCode(text);
  report.AddFigure(LinePlot({.title = text}, {{.name = text, .x = {1, 2}, .y = {3, 4}}}), text);
  report.AddClaims({{text, true, text}, {text, false, ""}});
  report.BeginDetails(text);
  report.BeginDetails(text, true);
  report.AddParagraph(text);
  return report;
}

TEST(Report, IsWellFormedWhateverTheText) {
  for (const char* text : {"text", "", "`code` and **bold**", "** ` ** `` **** *", kNasty}) {
    EXPECT_EQ(WellFormedError(Everything(text).Html()), "") << text;
  }
  EXPECT_EQ(WellFormedError(Report("").Html()), "");
}

TEST(Report, IsTheSameEveryTimeAndNeedsNothingFromOutside) {
  const std::string html = Everything("text").Html();
  EXPECT_EQ(html, Everything("text").Html());
  for (const char* part : {"src=", "url(", "@import", "<link"})
    EXPECT_THAT(html, Not(HasSubstr(part)));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_THAT(html, HasSubstr("@media print"));
}

TEST(Report, SectionsHaveAnchorsAndContents) {
  Report report("r");
  EXPECT_EQ(report.AddSection("One tensor's road"), "one-tensor-s-road");
  EXPECT_EQ(report.AddSection("One Tensor's Road!"), "one-tensor-s-road-2");
  EXPECT_EQ(report.AddSubsection("\u4E2D\u6587"), "section");
  const std::string html = report.Html();
  EXPECT_THAT(html, HasSubstr("<h2 id=\"one-tensor-s-road-2\">"));
  EXPECT_THAT(html, HasSubstr("<li><a href=\"#one-tensor-s-road\">One tensor&#39;s road</a></li>"));
  EXPECT_THAT(html, HasSubstr("<li class=\"sub\"><a href=\"#section\">"));
}

TEST(Report, InlineMarks) {
  Report report("r");
  report.AddParagraph("a `b < c` and **bold `d`**, 2 ** 3, `open");
  EXPECT_THAT(
      report.Html(),
      HasSubstr("<p>a <code>b &lt; c</code> and <b>bold <code>d</code></b>, 2 ** 3, `open</p>"));
}

TEST(Report, DetailsAreEndedBySectionsAndByTheEnd) {
  Report report("r");
  report.EndDetails();  // nothing is open
  report.BeginDetails("a");
  report.BeginDetails("b");
  report.AddSection("next");
  report.BeginDetails("c");
  EXPECT_EQ(WellFormedError(report.Html()), "");
  report.EndDetails();
  EXPECT_EQ(WellFormedError(report.Html()), "");
}

TEST(Report, ClaimsAndCardsDecideWhetherItPassed) {
  Report report("r");
  EXPECT_TRUE(report.passed());
  report.AddClaims({{"fine", true, ""}});
  report.AddCard({"a", "b", "", Check::kPass});
  EXPECT_TRUE(report.passed());
  Report card = report;
  card.AddCard({"a", "b", "", Check::kFail});
  EXPECT_FALSE(card.passed());
  report.AddClaims({{"broken", false, ""}});
  EXPECT_FALSE(report.passed());
  EXPECT_EQ(report.claims().size(), 2u);
}

TEST(Report, TablesAlignSortAndFill) {
  Report report("r");
  report.AddTable({{{"name"}, {"time", true}},
                   {{"a", Cell(1.5e-3, "s")},
                    {"b"},
                    {"c", Cell(std::numeric_limits<double>::quiet_NaN()), "extra"}}});
  const std::string html = report.Html();
  EXPECT_THAT(html, HasSubstr("<table class=\"sortable\">"));
  EXPECT_THAT(html, HasSubstr("<td class=\"num\" data-v=\"0.0015\">1.5 ms</td>"));
  EXPECT_THAT(html, HasSubstr("<tr><td>b</td><td class=\"num\"></td></tr>"));
  EXPECT_THAT(html, HasSubstr("<tr><td>c</td><td class=\"num\">nan</td></tr>"));
  EXPECT_THAT(html, Not(HasSubstr("extra")));
}

TEST(Report, WritesItsFile) {
  Report report("written");
  const std::string path = JoinPath(::testing::TempDir(), "report_test.html");
  ASSERT_OK(report.Write(path));
  STRATA_ASSERT_OK_AND_ASSIGN(const std::string content, ReadFile(path));
  EXPECT_EQ(content, report.Html());
  EXPECT_THAT(report.Write("/no/such/folder/report.html"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such/folder")));
}

std::string WithoutMarkup(const std::string& html) {
  std::string text;
  bool tag = false;
  for (char c : html) {
    if (c == '<') tag = true;
    if (!tag) text += c;
    if (c == '>') tag = false;
  }
  return absl::StrReplaceAll(
      text, {{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}, {"&quot;", "\""}, {"&#39;", "'"}});
}

TEST(Highlight, ColoursC) {
  const std::string html = HighlightC(
      "#define N 4 \\\n  5\nfor (int i = 0x1F; f(i); ++i) /* a\nb */ x = \"s\\\"\" + 1e-5f; // c");
  for (const char* part :
       {"<span class=\"p\">#define N 4 \\\n  5</span>", "<span class=\"k\">for</span>",
        "<span class=\"t\">int</span>", "<span class=\"n\">0x1F</span>",
        "<span class=\"f\">f</span>(", "<span class=\"m\">/* a\nb */</span>",
        "<span class=\"s\">&quot;s\\&quot;&quot;</span>", "<span class=\"n\">1e-5f</span>",
        "<span class=\"m\">// c</span>"}) {
    EXPECT_THAT(html, HasSubstr(part));
  }
}

TEST(Highlight, KeepsEveryCharacter) {
  std::mt19937 random(4);
  static constexpr char kLetters[] = "a1\"'/*#\\\n <>&._+-e(";
  for (int round = 0; round < 2000; ++round) {
    std::string code;
    for (uint32_t n = random() % 25; n > 0; --n)
      code += kLetters[random() % (sizeof(kLetters) - 1)];
    EXPECT_EQ(WithoutMarkup(HighlightC(code)), code);
    EXPECT_EQ(WellFormedError("<a>" + HighlightC(code) + "</a>"), "");
  }
  EXPECT_EQ(HighlightC(""), "");
  EXPECT_EQ(WithoutMarkup(HighlightC("/* \u4E2D")), "/* \u4E2D");
}

}  // namespace
}  // namespace strata::courses
