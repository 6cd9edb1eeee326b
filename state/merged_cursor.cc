#include <weir/state/merged_cursor.h>

#include <utility>

namespace weir {

MergedCursor::MergedCursor(std::unique_ptr<ByteCursor> committed, std::vector<Uncommitted> uncommitted,
                           std::shared_ptr<const KeyFilter> filter, Direction direction)
    : committed_(std::move(committed)),
      uncommitted_(std::move(uncommitted)),
      filter_(std::move(filter)),
      direction_(direction) {}

const MergedCursor::Uncommitted& MergedCursor::front() const {
  return direction_ == Direction::kForward ? uncommitted_[taken_]
                                           : uncommitted_[uncommitted_.size() - 1 - taken_];
}

void MergedCursor::step_committed() {
  if (direction_ == Direction::kForward) {
    committed_->next();
  } else {
    committed_->previous();
  }
  settle_committed();
}

// Goes on until the filter takes the entry the committed cursor is at.
void MergedCursor::settle_committed() {
  for (;;) {
    committed_left_ = committed_->valid();
    if (!committed_left_ || filter_ == nullptr) return;
    switch (filter_->judge(committed_->key(), direction_, target_)) {
      case KeyFilter::Verdict::kTake:
        return;
      case KeyFilter::Verdict::kSkip:
        if (direction_ == Direction::kForward) {
          committed_->next();
        } else {
          committed_->previous();
        }
        break;
      case KeyFilter::Verdict::kLeap:
        if (direction_ == Direction::kForward) {
          committed_->seek(target_);
        } else {
          committed_->seek_back(target_);
        }
        break;
      case KeyFilter::Verdict::kStop:
        committed_left_ = false;
        return;
    }
  }
}

bool MergedCursor::next() {
  switch (at_) {
    case At::kStart:
      if (direction_ == Direction::kForward) {
        committed_->seek_to_first();
      } else {
        committed_->seek_to_last();
      }
      settle_committed();
      break;
    case At::kCommitted:
      step_committed();
      break;
    case At::kUncommitted:
      ++taken_;
      break;
    case At::kEnd:
      return false;
  }
  while (uncommitted_left()) {
    if (committed_left_) {
      const int order = committed_->key().compare(front().key);
      if (direction_ == Direction::kForward ? order < 0 : order > 0) {
        at_ = At::kCommitted;
        return true;
      }
      if (order == 0) step_committed();  // hidden by the uncommitted row
    }
    if (front().row != kDeleted) {
      at_ = At::kUncommitted;
      return true;
    }
    ++taken_;
  }
  at_ = committed_left_ ? At::kCommitted : At::kEnd;
  return committed_left_;
}

BytesView MergedCursor::key() const {
  return at_ == At::kUncommitted ? BytesView(front().key) : committed_->key();
}

std::optional<std::uint32_t> MergedCursor::uncommitted_row() const {
  if (at_ == At::kUncommitted) return front().row;
  return std::nullopt;
}

BytesView MergedCursor::committed_value() const { return committed_->value(); }

}  // namespace weir
