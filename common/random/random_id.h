#ifndef WAYBILL_COMMON_RANDOM_RANDOM_ID_H_
#define WAYBILL_COMMON_RANDOM_RANDOM_ID_H_

#include <string>

namespace waybill {

/// 32 hexadecimal digits that nobody can guess and that never come twice: for request ids, run
/// tokens, lease holders and names of files. From OpenSSL's generator. Thread-safe.
std::string RandomId();

}  // namespace waybill

#endif  // WAYBILL_COMMON_RANDOM_RANDOM_ID_H_
