// What nodes over windows of time have in common: they know what time it is, and tell of windows.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/late.h>
#include <weir/operators/operator_time.h>
#include <weir/operators/table_access.h>
#include <weir/operators/window_options.h>
#include <weir/operators/windowed.h>
#include <weir/state/timestamped.h>
#include <weir/state/window_store.h>

namespace weir {

// Value: of the table; Windows: TimeWindows, or what answers as it does.
template <class K, class V, class Value, class Windows>
class TimedWindowNode : public WindowNode<K, V, Windowed<K>, Value> {
 public:
  using Row = Timestamped<Value>;

 protected:
  TimedWindowNode(WindowNodeOptions options, Windows windows, const BeforeWish& before)
      : options_(std::move(options)), windows_(std::move(windows)), before_wanted_(before.wanted()) {}

  // For open(). `observed`: the largest start of a window that the store saw.
  void open_time(Timestamp observed) {
    time_.open(this->context(), options_.clock);
    if (options_.clock == options_.store) time_.recover(observed, windows_);
    idle_.open(this->context(), options_.close_when_idle, [this] { close_all(); });
  }

  // Has the store say at commits which of its windows changed, and tells of these.
  void tell_commits_of(WindowStore<K, Value>& store) {
    store.on_commit({.before = before_wanted_},
                    [this](const K& key, Timestamp start, const Row* now, const Row* before,
                           Timestamp timestamp, const Headers& headers, const Origin& origin) {
                      tell(key, start, {value_of(now), value_of(before), true, EmitReason::kCommit},
                           timestamp, headers, origin);
                    });
  }

  // Tells of the windows that time has closed since the last call.
  virtual void tell_closed(EmitReason reason, const Headers& headers, const Origin& origin) = 0;

  void tell(const K& key, Timestamp start, const Change<Value>& change, Timestamp timestamp,
            const Headers& headers, const Origin& origin) {
    key_.key = key;
    key_.window = {start, windows_.end_of(start)};
    this->emit({key_, change, timestamp, headers, origin, {}});
  }

  [[nodiscard]] bool tells_updates() const { return options_.emit == WindowEmit::kEveryUpdate; }
  [[nodiscard]] bool tells_at_commit() const { return options_.emit == WindowEmit::kOnCommit; }
  [[nodiscard]] bool closes() const { return options_.emit == WindowEmit::kOnWindowClose; }

  [[nodiscard]] static const Value* value_of(const Row* row) {
    return row == nullptr ? nullptr : &row->value;
  }

  const WindowNodeOptions options_;
  const Windows windows_;
  const bool before_wanted_;
  OperatorTime time_;
  IdleWatch idle_;

 private:
  void close_all() {
    if (time_.seen() == kNoTimestamp) return;
    time_.see(windows_.all_closed(time_.seen()));
    tell_closed(EmitReason::kIdle, kNoHeaders, this->context().origin());
  }

  Windowed<K> key_;  // reused, so that its memory is
};

}  // namespace weir
