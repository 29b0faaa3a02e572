// Tokenizer: what the engine and the server ask of one. llm/tokenizer implements it (BPE, Unigram,
// WordPiece).
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

// A stretch of a text from one source: a chat template (trusted) or what a user wrote.
struct TextPart {
  absl::string_view text;
  bool trusted;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // The ids of any bytes, valid UTF-8 or not. Special tokens written out in the text become their
  // ids: for templates and trusted text. Adds no bos() or eos() of its own.
  virtual std::vector<int32_t> Encode(absl::string_view text) const = 0;

  // The same, but special tokens in the text are read as ordinary characters: for text from users,
  // which must not be able to forge the end of a turn.
  virtual std::vector<int32_t> EncodeOrdinary(absl::string_view text) const = 0;

  // The ids of one text from several sources: special tokens become their ids only where they lie
  // in a trusted part. Otherwise the parts are read as one text, so that where one ends makes no
  // difference; that is the way to encode a chat.
  virtual std::vector<int32_t> EncodeParts(absl::Span<const TextPart> parts) const;

  // The text of all ids, special tokens written out; unknown ids give nothing. That is
  // FirstTokenBytes() of the first token that has TokenBytes(), then TokenBytes(), less a space that
  // some tokenizers end a word with, of the last. Not necessarily valid UTF-8: see ReplaceInvalidUtf8() and StreamDecoder.
  virtual std::string Decode(absl::Span<const int32_t> ids) const = 0;

  // The bytes of one token inside a text, part of a character maybe; empty for an id that is
  // unknown.
  virtual std::string TokenBytes(int32_t id) const = 0;

  // The same at the start of a text, where tokenizers that put a space before each word leave it
  // out.
  virtual std::string FirstTokenBytes(int32_t id) const { return TokenBytes(id); }

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

// Where a stream of ids starts: at the start of a text, or after other tokens (a prompt), so that
// the space before the first word stays.
enum class StreamStart { kText, kContinuation };

// Turns ids into text piece by piece. Holds back the bytes of an unfinished character until the
// rest comes; bytes that can never become a character come out as U+FFFD. So each piece is valid
// UTF-8, and from the start of a text all pieces together are ReplaceInvalidUtf8(Decode(ids)), less
// the special tokens when those are skipped. Not thread-safe.
class StreamDecoder {
 public:
  // `tokenizer` must outlive the decoder.
  explicit StreamDecoder(const Tokenizer* tokenizer, bool skip_special = true,
                         StreamStart start = StreamStart::kContinuation)
      : tokenizer_(tokenizer), skip_special_(skip_special), start_(start), state_(start) {}

  // The text that this token completes; often empty in the middle of a character.
  std::string Push(int32_t id);

  // What is still held back (an unfinished character as U+FFFD). The decoder is then as new.
  std::string Flush();

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  StreamStart start_;
  StreamStart state_;  // kText until a token has given bytes
  std::string held_;
};

}  // namespace strata::inference

#endif  // STRATA_INFERENCE_ENGINE_TOKENIZER_H_
