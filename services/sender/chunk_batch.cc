#include "services/sender/chunk_batch.h"

#include <cstdint>

namespace waybill::sender {

bool BatchIsFull(std::int64_t batch_bytes, std::int64_t chunk_bytes) {
  return batch_bytes > 0 && batch_bytes + chunk_bytes > kBatchBytes;
}

bool CreditWindow::Acknowledge(std::int64_t durable_bytes) {
  if (durable_bytes < durable_bytes_ || durable_bytes > sent_bytes_) return false;
  durable_bytes_ = durable_bytes;
  return true;
}

}  // namespace waybill::sender
