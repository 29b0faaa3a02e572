// TextBuilder: a text that grows piece by piece and stops growing where its heap is full, so that no operation of a
// hostile template can take more memory than it may.
//
//   TextBuilder builder(&heap);
//   builder.Append("[", Origin::kTemplate);
//   builder.Append(value.text());
//   STRATA_ASSIGN_OR_RETURN(Value result, builder.Finish());
#ifndef STRATA_INFERENCE_JINJA_TEXT_BUILDER_H_
#define STRATA_INFERENCE_JINJA_TEXT_BUILDER_H_

#include <utility>

#include "inference/jinja/text.h"
#include "inference/jinja/value.h"

namespace strata::inference::jinja {

class TextBuilder {
 public:
  explicit TextBuilder(Heap* heap) : heap_(heap) {}
  ~TextBuilder() { heap_->Give(taken_); }
  TextBuilder(const TextBuilder&) = delete;
  TextBuilder& operator=(const TextBuilder&) = delete;

  void Append(absl::string_view bytes, Origin origin = Origin::kTemplate) {
    if (HasRoom(bytes.size())) text_.Append(bytes, origin);
  }
  void Append(const Text& text) { Append(text, 0, text.size()); }
  void Append(const Text& text, size_t begin, size_t size) {
    if (HasRoom(size)) text_.Append(text, begin, size);
  }

  Heap* heap() const { return heap_; }
  size_t size() const { return text_.size(); }
  const Text& text() const { return text_; }
  // Not OK once something did not fit; a loop without other bounds must ask.
  const absl::Status& status() const { return status_; }

  // The builder is then as new.
  absl::StatusOr<Text> FinishText() {
    STRATA_RETURN_IF_ERROR(status_);
    heap_->Give(std::exchange(taken_, 0));
    return std::exchange(text_, Text());
  }
  absl::StatusOr<Value> Finish() {
    STRATA_ASSIGN_OR_RETURN(Text text, FinishText());
    return heap_->String(std::move(text));
  }

 private:
  bool HasRoom(size_t bytes) {
    if (!status_.ok()) return false;
    bytes += sizeof(Text::Run);
    status_ = heap_->CheckRoom(bytes);
    if (!status_.ok()) return false;
    heap_->Take(bytes);
    taken_ += bytes;
    return true;
  }

  Heap* const heap_;
  Text text_;
  size_t taken_ = 0;  // from the heap
  absl::Status status_;
};

}  // namespace strata::inference::jinja

#endif  // STRATA_INFERENCE_JINJA_TEXT_BUILDER_H_
