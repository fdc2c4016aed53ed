# Compiler flags that every target shares. No -march, no -ffast-math: the instruction set is chosen at run time
# and the bits of an answer depend on every float operation staying where it was written.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")

add_compile_definitions(_GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
                    -Wpointer-arith -Wwrite-strings -Wno-unused-parameter -Wno-missing-field-initializers
                    -fno-strict-aliasing -ffp-contract=off -fno-omit-frame-pointer)
if(PARLANCE_WERROR)
  add_compile_options(-Werror)
endif()
if(PARLANCE_CODEC_ALWAYS)
  add_compile_definitions(PL_CODEC_ALWAYS=1)
endif()
if(PARLANCE_SANITIZE)
  add_compile_options(-fsanitize=${PARLANCE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${PARLANCE_SANITIZE})
  add_compile_definitions(PL_SANITIZED=1)
endif()
if(PARLANCE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
include_directories(${CMAKE_SOURCE_DIR})
