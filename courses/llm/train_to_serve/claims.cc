// The lab's claims. Those on rounding compare with a bound made of the formats' own figures:
//
// A product y = W x of rounded operands has a relative error of variance w^2 + x^2, where w is the weights' relative error
// (root mean square, as the conversion measured it) and x that of the activations. With d = max |x| / 127 the int8
// activations of a block of 32 are off by d / sqrt(12), and max |x| is at most sqrt(32) times their root mean square:
// x <= sqrt(32) / (127 sqrt(12)). bf16 keeps 8 bits: x <= 2^-9. As if every one of the n matrices on the way to the logits
// added such an error of its own to them, the logits' errors have variance e^2 = n (w^2 + x^2) s^2, s^2 being the logits'
// own variance over the vocabulary. To second order a softmax with independent errors of variance e^2 diverges by
// e^2 (1 - sum p^2) / 2 (half the variance of the errors under p), and a single token's log probability is off by
// e sqrt(1 - sum p^2) around that; the mean of N of those is off by sqrt(N) less, taken three times.
#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "chips/numerics/weight_format.h"
#include "courses/llm/train_to_serve/pipeline.h"

namespace strata::courses {
namespace {

constexpr double kBitsPerNat = 1.4426950408889634;

const chips::WeightFormat& Format(const FormatRun& run) {
  return **chips::FindWeightFormat(run.format);  // conversion has found it
}

double ActivationError(chips::Activations activations) {
  switch (activations) {
    case chips::Activations::kF32:
      return 0;
    case chips::Activations::kBf16:
      return 0x1p-9;
    case chips::Activations::kQ8:
      return std::sqrt(32.0) / (127 * std::sqrt(12.0));
  }
  return 0;
}

// q, k, v, attention's output, gate, up, down of each layer; the output; the embedding's rows.
double MatricesOnTheWay(const Pipeline& run) {
  return 7 * static_cast<double>(run.options.layers) + 2;
}

Claim LossClaim(const char* what, double loss, double bound) {
  return {absl::StrCat("The loss ends below ", what), loss < bound,
          absl::StrFormat("%.3f nats a token on held-out text, bound %.3f", loss, bound)};
}

// A model Q that has not seen a text drawn from P codes it in t bits less than P with probability 2^-t at most, as the
// mean of Q / P is at most 1 (Markov).
Claim SourceClaim(const Pipeline& run) {
  constexpr double kSurprise = 30;
  double least = INFINITY;
  for (const FormatRun& format : run.formats) {
    least = std::min(
        least, format.nats_per_token * static_cast<double>(run.held_out_tokens) * kBitsPerNat);
  }
  return {"No format codes held-out text in fewer bits than its source, less 30",
          least > run.source_bits - kSurprise,
          absl::StrFormat("least %.1f bits, source %.1f", least, run.source_bits)};
}

Claim BitsClaim(const FormatRun& run) {
  const auto it = run.file.formats.find(run.format);
  double bits = 0;
  if (it != run.file.formats.end()) {
    bits = 8.0 * static_cast<double>(it->second.bytes) / static_cast<double>(it->second.weights);
  }
  const double said = Format(run).BitsPerWeight();
  return {absl::StrFormat("%s takes %g bits a weight", run.format, said),
          bits == said && run.file.fallbacks.empty(),
          absl::StrFormat("matrices %g; the whole file %d bytes", bits, run.file_bytes)};
}

Claim RoundingClaim(const Pipeline& run, const FormatRun& format) {
  const double f32 = run.formats[0].nats_per_token;
  const double bound = RoundingBound(run, format);
  const double change = format.nats_per_token - f32;
  return {absl::StrFormat("%s: perplexity within a factor %.4f of f32's", format.format,
                          std::exp(bound)),
          std::fabs(change) <= bound && format.divergence <= bound,
          absl::StrFormat("%.4f against %.4f: factor %.4f; predictions diverge by %.2g nats",
                          std::exp(format.nats_per_token), std::exp(f32), std::exp(change),
                          format.divergence)};
}

// Nothing when one of the two was not made.
void AddOrderClaim(const Pipeline& run, const char* less, const char* more,
                   std::vector<Claim>* claims) {
  const auto find = [&](const char* name) {
    return std::find_if(run.formats.begin(), run.formats.end(),
                        [&](const FormatRun& format) { return format.format == name; });
  };
  const auto a = find(less), b = find(more);
  if (a == run.formats.end() || b == run.formats.end()) return;
  claims->push_back(
      {absl::StrCat("Fewer bits cost more: ", less, " stays closer to f32 than ", more),
       a->divergence < b->divergence,
       absl::StrFormat("%.2g and %.2g nats", a->divergence, b->divergence)});
}

Claim AnswerClaim(const Pipeline& run) {
  size_t tokens = 0, same = 0;
  for (const Answer& answer : run.answers) {
    tokens += answer.engine_tokens.size();
    same += !answer.engine_tokens.empty() && answer.engine_tokens == answer.served_tokens;
  }
  return {"The served answers are the engine's, token for token",
          same == run.answers.size() && same > 0,
          absl::StrFormat("%d of %d answers, %d tokens", same, run.answers.size(), tokens)};
}

Claim TokenizerClaim(const Pipeline& run) {
  int64_t same = 0;
  for (const FormatRun& format : run.formats) same += format.same_tokens;
  const auto count = static_cast<int64_t>(run.formats.size());
  return {"Every file's tokenizer encodes and ends texts as the trained one", same == count,
          absl::StrFormat("%d of %d files, %d tokens", same, count, run.held_out_tokens)};
}

}  // namespace

double RoundingBound(const Pipeline& run, const FormatRun& format) {
  const double w = format.file.worst_relative_error;
  const double x = ActivationError(Format(format).activations);
  const double variance = MatricesOnTheWay(run) * (w * w + x * x) * run.logit_variance;
  return variance / 2 + 3 * std::sqrt(variance / static_cast<double>(run.held_out_tokens));
}

std::vector<Claim> ClaimsOf(const Pipeline& run) {
  const double loss = run.formats[0].nats_per_token;
  std::vector<Claim> claims = {
      LossClaim("half the entropy of the tokens' frequencies", loss, run.unigram_entropy / 2),
      LossClaim("the entropy of a token after the one before it", loss, run.bigram_entropy),
      SourceClaim(run)};
  for (const FormatRun& format : run.formats) claims.push_back(BitsClaim(format));
  for (size_t i = 1; i < run.formats.size(); ++i)
    claims.push_back(RoundingClaim(run, run.formats[i]));
  AddOrderClaim(run, "q8_0", "q4_0", &claims);
  claims.push_back(
      {"Folder to GGUF and back keeps every weight bit for bit",
       run.round_trip_tensors > 0 && run.round_trip_changed == 0,
       absl::StrFormat("%d tensors, %d changed", run.round_trip_tensors, run.round_trip_changed)});
  claims.push_back(TokenizerClaim(run));
  claims.push_back(AnswerClaim(run));
  return claims;
}

}  // namespace strata::courses
