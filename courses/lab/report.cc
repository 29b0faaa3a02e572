#include "courses/lab/report.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file.h"
#include "courses/lab/highlight.h"
#include "courses/lab/plot_format.h"
#include "courses/lab/report_style.h"
#include "courses/lab/svg_plot.h"

namespace strata::courses {
namespace {

// "`x`" becomes code, "**x**" bold; a mark without its partner stays as it is.
std::string Inline(absl::string_view text) {
  std::string html;
  while (!text.empty()) {
    const bool code = text[0] == '`';
    const absl::string_view mark = code ? "`" : "**";
    if (text.substr(0, mark.size()) == mark) {
      const size_t end = text.find(mark, mark.size());
      if (end != absl::string_view::npos && end > mark.size()) {
        const absl::string_view inside = text.substr(mark.size(), end - mark.size());
        const char* element = code ? "code" : "b";
        absl::StrAppend(&html, "<", element, ">", code ? EscapeXml(inside) : Inline(inside), "</",
                        element, ">");
        text.remove_prefix(end + mark.size());
        continue;
      }
    }
    const size_t next = std::min(text.find_first_of("`*", 1), text.size());
    html += EscapeXml(text.substr(0, next));
    text.remove_prefix(next);
  }
  return html;
}

// "One tensor's road" -> "one-tensor-s-road".
std::string Slug(absl::string_view title) {
  std::string slug;
  for (char c : title) {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      slug += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!slug.empty() && slug.back() != '-') {
      slug += '-';
    }
  }
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "section" : slug;
}

std::string CellHtml(const Cell& cell, const Column& column) {
  std::string html = "<td";
  if (column.numeric) html += " class=\"num\"";
  if (cell.sort_by.has_value() && std::isfinite(*cell.sort_by)) {
    absl::StrAppend(&html, " data-v=\"", absl::StrFormat("%.17g", *cell.sort_by), "\"");
  }
  const std::string text = column.code && !cell.text.empty()
                               ? absl::StrCat("<code>", EscapeXml(cell.text), "</code>")
                               : EscapeXml(cell.text);
  return absl::StrCat(html, ">", text, "</td>");
}

constexpr char kPassed[] = "\u2713";
constexpr char kFailed[] = "\u2717";

}  // namespace

Cell::Cell(double value, absl::string_view unit) : text(SiNumber(value, unit)), sort_by(value) {}

Report::Report(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

std::string Report::AddHeading(int level, absl::string_view title) {
  while (open_details_ > 0) EndDetails();
  const std::string slug = Slug(title);
  std::string anchor = slug;
  const auto taken = [&](const Heading& heading) { return heading.anchor == anchor; };
  for (int n = 2; std::any_of(headings_.begin(), headings_.end(), taken); ++n)
    anchor = absl::StrCat(slug, "-", n);
  headings_.push_back({level, std::string(title), anchor});
  absl::StrAppend(&body_, "<h", level, " id=\"", anchor, "\"><a href=\"#", anchor, "\">",
                  EscapeXml(title), "</a></h", level, ">\n");
  return anchor;
}

std::string Report::AddSection(absl::string_view title) { return AddHeading(2, title); }
std::string Report::AddSubsection(absl::string_view title) { return AddHeading(3, title); }

void Report::AddParagraph(absl::string_view text) {
  absl::StrAppend(&body_, "<p>", Inline(text), "</p>\n");
}

void Report::AddList(const std::vector<std::string>& items) {
  if (items.empty()) return;
  body_ += "<ul>\n";
  for (const std::string& item : items) absl::StrAppend(&body_, "<li>", Inline(item), "</li>\n");
  body_ += "</ul>\n";
}

void Report::AddTable(const Table& table) {
  absl::StrAppend(&body_, "<div class=\"table\"><table",
                  table.sortable ? " class=\"sortable\"" : "", ">\n");
  if (!table.caption.empty())
    absl::StrAppend(&body_, "<caption>", Inline(table.caption), "</caption>\n");
  body_ += "<thead><tr>";
  for (const Column& column : table.columns) {
    absl::StrAppend(&body_, "<th", column.numeric ? " class=\"num\"" : "", ">",
                    EscapeXml(column.header), "</th>");
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const std::vector<Cell>& row : table.rows) {
    body_ += "<tr>";
    for (size_t i = 0; i < table.columns.size(); ++i) {
      body_ += CellHtml(i < row.size() ? row[i] : Cell(""), table.columns[i]);
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void Report::AddCode(absl::string_view code, absl::string_view language,
                     absl::string_view caption) {
  const std::string html = language == "c" ? HighlightC(code) : EscapeXml(code);
  absl::StrAppend(&body_, "<figure class=\"code\"><pre><code>", html, "</code></pre>");
  if (!caption.empty()) absl::StrAppend(&body_, "<figcaption>", Inline(caption), "</figcaption>");
  body_ += "</figure>\n";
}

void Report::AddFigure(absl::string_view svg, absl::string_view caption) {
  absl::StrAppend(&body_, "<figure>", svg);
  if (!caption.empty()) absl::StrAppend(&body_, "<figcaption>", Inline(caption), "</figcaption>");
  body_ += "</figure>\n";
}

void Report::AddClaims(const std::vector<Claim>& claims) {
  for (const Claim& claim : claims) {
    absl::StrAppend(&body_, "<div class=\"check ", claim.holds ? "pass" : "fail",
                    "\"><span class=\"verdict\">", claim.holds ? kPassed : kFailed,
                    claim.holds ? " holds" : " fails", "</span><span>", Inline(claim.claim));
    if (!claim.evidence.empty())
      absl::StrAppend(&body_, " <span class=\"detail\">", Inline(claim.evidence), "</span>");
    body_ += "</span></div>\n";
    claims_.push_back(claim);
  }
}

void Report::BeginDetails(absl::string_view summary, bool open) {
  ++open_details_;
  absl::StrAppend(&body_, "<details", open ? " open=\"open\"" : "", "><summary>", Inline(summary),
                  "</summary>\n");
}

void Report::EndDetails() {
  if (open_details_ == 0) return;
  --open_details_;
  body_ += "</details>\n";
}

bool Report::passed() const {
  const auto failed = [](const Card& card) { return card.check == Check::kFail; };
  return std::none_of(cards_.begin(), cards_.end(), failed) &&
         std::all_of(claims_.begin(), claims_.end(),
                     [](const Claim& claim) { return claim.holds; });
}

std::string Report::CardsHtml() const {
  if (cards_.empty()) return "";
  std::string html = "<div class=\"cards\">\n";
  for (const Card& card : cards_) {
    const bool pass = card.check == Check::kPass;
    const bool none = card.check == Check::kNone;
    absl::StrAppend(&html, "<div class=\"card",
                    none   ? ""
                    : pass ? " pass"
                           : " fail",
                    "\"><div class=\"label\"><span>", EscapeXml(card.label), "</span>");
    if (!none) {
      absl::StrAppend(&html, "<span class=\"verdict ", pass ? "ok\">" : "bad\">",
                      pass ? kPassed : kFailed, pass ? " pass" : " fail", "</span>");
    }
    absl::StrAppend(&html, "</div><div class=\"value\">", EscapeXml(card.value), "</div>");
    if (!card.detail.empty())
      absl::StrAppend(&html, "<div class=\"detail\">", Inline(card.detail), "</div>");
    html += "</div>\n";
  }
  return html + "</div>\n";
}

std::string Report::ContentsHtml() const {
  if (headings_.size() < 2) return "";
  std::string html = "<nav class=\"contents\"><ol>\n";
  for (const Heading& heading : headings_) {
    absl::StrAppend(&html, "<li", heading.level > 2 ? " class=\"sub\"" : "", "><a href=\"#",
                    heading.anchor, "\">", EscapeXml(heading.title), "</a></li>\n");
  }
  return html + "</ol></nav>\n";
}

std::string Report::Html() const {
  std::string ends;
  for (int i = 0; i < open_details_; ++i) ends += "</details>\n";
  const std::string subtitle =
      subtitle_.empty() ? "" : absl::StrCat("<p>", Inline(subtitle_), "</p>\n");
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>",
      EscapeXml(title_), "</title>\n<style>", internal::kReportStyle, PlotStyle(),
      "</style>\n</head>\n<body>\n<div class=\"frame\">\n<header>\n<h1>", EscapeXml(title_),
      "</h1>\n", subtitle, CardsHtml(), "</header>\n", ContentsHtml(), "<main>\n", body_, ends,
      "</main>\n</div>\n<script>", internal::kReportScript, "</script>\n</body>\n</html>\n");
}

absl::Status Report::Write(const std::string& path) const { return WriteFileAtomic(path, Html()); }

}  // namespace strata::courses
