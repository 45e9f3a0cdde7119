# Compiler policy for the whole tree, carried by one INTERFACE target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")  # Line numbers in traces, a quarter of the disk of -g.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1")

option(WAYBILL_CLANG_TIDY "Run clang-tidy while compiling" OFF)
option(WAYBILL_HARDEN "Add the run-time checks that released binaries carry" OFF)
set(WAYBILL_SANITIZE "" CACHE STRING "Comma-separated -fsanitize= list")

add_library(waybill_options INTERFACE)
target_compile_options(waybill_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor -Werror
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
if(WAYBILL_SANITIZE)  # For the generated code too: half an instrumented program hides races.
  add_compile_options(-fsanitize=${WAYBILL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${WAYBILL_SANITIZE})
endif()
if(WAYBILL_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(-Wno-tsan)  # Abseil's headers use fences, which g++ cannot check and warns about.
endif()
if(WAYBILL_HARDEN)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
                      -fstack-clash-protection -fcf-protection)
  add_link_options(-pie -Wl,-z,relro -Wl,-z,now)
endif()
if(WAYBILL_CLANG_TIDY)
  find_program(WAYBILL_CLANG_TIDY_EXE NAMES clang-tidy clang-tidy-16 clang-tidy-14 REQUIRED)
endif()

find_program(WAYBILL_LLD_EXE NAMES ld.lld)
if(WAYBILL_LLD_EXE)
  add_link_options(-fuse-ld=lld)
endif()
find_program(WAYBILL_CCACHE_EXE ccache)
if(WAYBILL_CCACHE_EXE)
  # Paths relative to the tree make hits independent of where a clone stands; the sloppiness is what
  # ccache's manual asks for with precompiled headers.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${WAYBILL_CCACHE_EXE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    add_compile_options(-fpch-preprocess)
  endif()
endif()
