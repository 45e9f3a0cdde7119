#include "common/random/random_fraction.h"

#include "absl/random/random.h"

namespace waybill {

double RandomFraction() {
  thread_local absl::BitGen bits;
  return absl::Uniform(bits, 0.0, 1.0);
}

}  // namespace waybill
