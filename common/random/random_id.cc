#include "common/random/random_id.h"

#include <string>

#include <openssl/rand.h>

#include "absl/strings/escaping.h"

#include "common/status/check.h"

namespace waybill {

std::string RandomId() {
  std::string bytes(16, '\0');
  // Fails only when the system gives no entropy; going on would make ids that can be guessed.
  WAYBILL_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()),
                           static_cast<int>(bytes.size())) == 1);
  return absl::BytesToHexString(bytes);
}

}  // namespace waybill
