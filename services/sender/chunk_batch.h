#ifndef WAYBILL_SERVICES_SENDER_CHUNK_BATCH_H_
#define WAYBILL_SERVICES_SENDER_CHUNK_BATCH_H_

#include <cstdint>

namespace waybill::sender {

/// Chunks travel in messages of about this size, whole ones only.
inline constexpr std::int64_t kBatchBytes = 1 << 20;

/// Whether a message that holds `batch_bytes` goes out before a chunk of `chunk_bytes` is added:
/// beyond kBatchBytes with it, and not empty.
bool BatchIsFull(std::int64_t batch_bytes, std::int64_t chunk_bytes);

/// How many bytes of chunks may be under way: the receiver's credit less what it has not called
/// durable yet. Not thread-safe.
class CreditWindow {
 public:
  explicit CreditWindow(std::int64_t credit_bytes) : credit_bytes_(credit_bytes) {}

  /// Whether `bytes` more may go now. When nothing is under way anything may: a message larger than
  /// the whole credit would wait for ever.
  bool Allows(std::int64_t bytes) const {
    return sent_bytes_ == durable_bytes_ || sent_bytes_ - durable_bytes_ + bytes <= credit_bytes_;
  }

  void Sent(std::int64_t bytes) { sent_bytes_ += bytes; }

  /// The receiver has all up to `durable_bytes` on its disk. False, and nothing changes, if it
  /// goes back or beyond what was sent: the receiver is broken.
  bool Acknowledge(std::int64_t durable_bytes);

  std::int64_t sent_bytes() const { return sent_bytes_; }
  std::int64_t durable_bytes() const { return durable_bytes_; }

 private:
  std::int64_t credit_bytes_;
  std::int64_t sent_bytes_ = 0;
  std::int64_t durable_bytes_ = 0;
};

}  // namespace waybill::sender

#endif  // WAYBILL_SERVICES_SENDER_CHUNK_BATCH_H_
