// Tokenizer: what the engine and the server ask of one. llm/tokenizer implements it (byte-level
// BPE).
//
//   const std::vector<int32_t> ids = tokenizer.Encode("Hello<|endoftext|>");
//   StreamDecoder stream(&tokenizer);
//   for (int32_t id : ids) Send(stream.Push(id));  // "Hello": whole characters only
//   Send(stream.Flush());
//
// Ids are 0 <= id < vocab_size(). Every method is const and safe to call from many threads at once.
#ifndef STRATA_INFERENCE_ENGINE_TOKENIZER_H_
#define STRATA_INFERENCE_ENGINE_TOKENIZER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace strata::inference {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // The ids of any bytes, valid UTF-8 or not. Special tokens written out in the text become their
  // ids: for templates and trusted text. Adds no bos() or eos() of its own.
  virtual std::vector<int32_t> Encode(absl::string_view text) const = 0;

  // The same, but special tokens in the text are read as ordinary characters: for text from users,
  // which must not be able to forge the end of a turn.
  virtual std::vector<int32_t> EncodeOrdinary(absl::string_view text) const = 0;

  // The bytes of all ids one after another, special tokens written out; unknown ids give nothing.
  // Not necessarily valid UTF-8: see ReplaceInvalidUtf8() and StreamDecoder.
  virtual std::string Decode(absl::Span<const int32_t> ids) const = 0;

  // The bytes of one token, part of a character maybe; empty for an id that is unknown.
  virtual std::string TokenBytes(int32_t id) const = 0;

  // The token that stands for exactly this text, special or not.
  virtual std::optional<int32_t> TokenId(absl::string_view bytes) const = 0;

  // One more than the greatest id.
  virtual int vocab_size() const = 0;

  // Begin of text: to be put before each text, where the model expects that. End of text:
  // generation stops there.
  virtual std::optional<int32_t> bos() const = 0;
  virtual std::optional<int32_t> eos() const = 0;

  // Whether the token is a control mark and no text: "<|endoftext|>".
  virtual bool IsSpecial(int32_t id) const = 0;
};

// Turns ids into text piece by piece. Holds back the bytes of an unfinished character until the
// rest comes; bytes that can never become a character come out as U+FFFD. So each piece is valid
// UTF-8, and all pieces together are ReplaceInvalidUtf8(Decode(ids)), less the special tokens when
// those are skipped. Not thread-safe.
class StreamDecoder {
 public:
  // `tokenizer` must outlive the decoder.
  explicit StreamDecoder(const Tokenizer* tokenizer, bool skip_special = true)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}

  // The text that this token completes; often empty in the middle of a character.
  std::string Push(int32_t id);

  // What is still held back (an unfinished character as U+FFFD). The decoder is then as new.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::string held_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_TOKENIZER_H_
