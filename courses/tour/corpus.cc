// Chapter 1: real text that is on every machine with a compiler.
#include "llm/tokenizer/corpus.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_format.h"
#include "base/file.h"
#include "courses/tour/tour.h"
#include "llm/train/recipe.h"

namespace strata::courses {
namespace {

// Header files under the system's include folders, in a fixed order; those of the C++ library first.
std::vector<std::string> SystemHeaders() {
  std::vector<std::string> headers;
  for (const char* root : {"/usr/include/c++", "/usr/include"}) {
    std::vector<std::string> found;
    std::error_code error;
    const auto options = std::filesystem::directory_options::skip_permission_denied;
    for (auto it = std::filesystem::recursive_directory_iterator(root, options, error);
         it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
      if (error) break;
      const std::string extension = it->path().extension().string();
      const bool header = extension == ".h" || extension == ".tcc" || extension.empty();
      if (header && it->is_regular_file(error) && !it->is_symlink(error))
        found.push_back(it->path().string());
    }
    std::sort(found.begin(), found.end());
    for (const std::string& path : found) {
      if (std::find(headers.begin(), headers.end(), path) == headers.end()) headers.push_back(path);
    }
    if (headers.size() > 2000) break;
  }
  return headers;
}

// Joins files until `limit` bytes; files that are not UTF-8 text are left out.
std::string Gather(const std::vector<std::string>& paths, int64_t limit, int* used) {
  std::string text;
  *used = 0;
  for (const std::string& path : paths) {
    absl::StatusOr<std::string> content = ReadFile(path);
    if (!content.ok() || content->size() > 200000 || !llm::CheckCorpus(*content).ok()) continue;
    if (static_cast<int64_t>(text.size() + content->size()) > limit) break;
    text += *content;
    ++*used;
  }
  return text;
}

llm::Recipe MakeRecipe(const TourOptions& options) {
  llm::Recipe recipe;
  recipe.mutable_model()->set_architecture("gpt2");
  recipe.mutable_model()->set_context(options.quick ? 64 : 128);
  recipe.mutable_model()->set_layers(options.quick ? 2 : 4);
  recipe.mutable_model()->set_width(options.quick ? 64 : 256);
  recipe.mutable_model()->set_heads(options.quick ? 2 : 8);
  recipe.set_tokenizer_vocab(options.quick ? 512 : 2048);
  recipe.set_batch(options.quick ? 8 : 16);
  recipe.set_sequence(recipe.model().context());
  recipe.set_steps(options.steps > 0 ? options.steps : options.quick ? 60 : 260);
  recipe.set_learning_rate(2e-3);
  recipe.set_warmup_steps(std::min<int64_t>(20, recipe.steps() / 4));
  recipe.set_weight_decay(0.1);
  recipe.set_beta2(0.98);
  recipe.set_clip_norm(1.0);
  recipe.set_seed(options.seed);
  recipe.set_ranks(2);
  return recipe;
}

}  // namespace

absl::Status ReadText(Tour& tour) {
  tour.recipe = MakeRecipe(tour.options);
  if (tour.options.corpus.empty()) {
    const std::vector<std::string> headers = SystemHeaders();
    int used = 0;
    const std::string text = Gather(headers, tour.options.corpus_bytes, &used);
    if (text.size() < (1 << 16)) {
      return absl::NotFoundError(
          "no C or C++ headers under /usr/include: give text with --corpus=PATH");
    }
    const std::string path = JoinPath(tour.work, "corpus.txt");
    STRATA_RETURN_IF_ERROR(WriteFileAtomic(path, text));
    tour.recipe.add_corpus(path);
    tour.corpus_summary = absl::StrFormat("%d C and C++ headers of this system, %.1f MB", used,
                                          static_cast<double>(text.size()) / 1e6);
  } else {
    for (const std::string& path : tour.options.corpus) tour.recipe.add_corpus(path);
    tour.corpus_summary = absl::StrFormat("%d files given with --corpus",
                                          static_cast<int>(tour.options.corpus.size()));
  }
  STRATA_ASSIGN_OR_RETURN(tour.text, llm::PrepareText(tour.recipe));
  STRATA_ASSIGN_OR_RETURN(tour.recipe,
                          llm::CompleteRecipe(tour.recipe, tour.text.tokenizer->vocab_size()));
  std::fprintf(stderr, "   %s -> %d tokens with a vocabulary of %d, learned from it\n",
               tour.corpus_summary.c_str(), static_cast<int>(tour.text.tokens.size()),
               tour.text.tokenizer->vocab_size());
  return absl::OkStatus();
}

}  // namespace strata::courses
