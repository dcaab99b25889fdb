//! The block product by AMX tiles. Rust has no stable intrinsics for them; the six instructions stand here as assembly.
//!
//! Tiles are state of a thread: [`Tiles`] sets them up and gives them back. Linux lets a process use them only after it
//! asked ([`is_allowed`]); it then saves them across context switches as any register.

use super::{TILE, TILE_PAIRS};
use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, __get_cpuid_max, _xgetbv};
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Whether the processor has bf16 tiles, the system keeps their state, and this process was allowed to use them.
pub(super) fn is_allowed() -> bool {
    const SYSTEM_KEEPS_STATE: u32 = 1 << 27;
    const BF16_AND_TILES: u32 = 1 << 22 | 1 << 24;
    const TILE_STATE: u64 = 0b11 << 17;
    if __get_cpuid_max(0).0 < 7 || __cpuid(1).ecx & SYSTEM_KEEPS_STATE == 0 {
        return false;
    }
    if __cpuid_count(7, 0).edx & BF16_AND_TILES != BF16_AND_TILES {
        return false;
    }
    #[target_feature(enable = "xsave")]
    fn kept_state() -> u64 {
        // Safety: register 0 exists wherever the system uses xsave.
        unsafe { _xgetbv(0) }
    }
    // Safety: the processor said above that the system has switched xsave on.
    let kept = unsafe { kept_state() };
    kept & TILE_STATE == TILE_STATE && ask()
}

/// `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`: holds for all threads of the process. An older kernel
/// answers with an error, which is a no.
fn ask() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const REQUEST_PERMISSION: i64 = 0x1023;
    const TILE_DATA: i64 = 18;
    let answer: i64;
    // Safety: the call touches no memory of ours; the kernel overwrites rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => answer,
            in("rdi") REQUEST_PERMISSION,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer == 0
}

/// Eight tiles of sixteen rows of 64 bytes, as `ldtilecfg` wants to be told.
#[repr(C, align(64))]
struct Shape {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

static SHAPE: Shape = {
    let (mut row_bytes, mut rows, mut tile) = ([0; 16], [0; 16], 0);
    while tile < 8 {
        (row_bytes[tile], rows[tile]) = (64, TILE as u8);
        tile += 1;
    }
    Shape { palette: 1, start_row: 0, reserved: [0; 14], row_bytes, rows }
};

/// This thread's tiles, set up until dropped. Stays on its thread.
pub(super) struct Tiles(PhantomData<*const ()>);

impl Tiles {
    /// Only where [`is_allowed`] said so.
    pub(super) fn configure() -> Self {
        // Safety: reads 64 bytes of a valid configuration and changes only tile registers, which the compiler never uses.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const SHAPE, options(nostack, readonly, preserves_flags)) };
        Self(PhantomData)
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // Safety: gives back what `configure` took.
        unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
    }
}

/// A block of 32 by 32; `out` is set, or added to where it was set before. Tiles 0 to 3 hold the sums, 4 and 5 a step of
/// both strips, 6 and 7 one of both panels.
///
/// # Safety
/// This thread holds [`Tiles`]; `strips` and `panels` hold two of equally many whole tiles, at least one; `out` holds 32
/// rows of 32 numbers, `stride` apart, which are set if `add`.
pub(super) unsafe fn multiply(strips: &[u32], panels: &[u32], out: &mut [MaybeUninit<f32>], stride: usize, add: bool) {
    let half = strips.len() / 2;
    let corner = out.as_mut_ptr();
    // Safety: the caller promises 32 rows and columns.
    let corners = unsafe { [corner, corner.add(TILE), corner.add(TILE * stride), corner.add(TILE * stride + TILE)] };
    // Safety: each load reads 16 rows of 64 bytes of a packed tile; each load and store of a sum touches 16 rows of 64
    // bytes of the block. All tile registers that are written are declared.
    unsafe {
        asm!(
            "test {add}, {add}",
            "jz 2f",
            "tileloadd tmm0, [{c0} + {stride}*1]",
            "tileloadd tmm1, [{c1} + {stride}*1]",
            "tileloadd tmm2, [{c2} + {stride}*1]",
            "tileloadd tmm3, [{c3} + {stride}*1]",
            "jmp 3f",
            "2:",
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "3:",
            "tileloadd tmm4, [{a} + {row}*1]",
            "tileloadd tmm6, [{b} + {row}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tileloadd tmm7, [{b_next} + {row}*1]",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tileloadd tmm5, [{a_next} + {row}*1]",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a}, 1024",
            "add {b}, 1024",
            "add {a_next}, 1024",
            "add {b_next}, 1024",
            "dec {tiles}",
            "jnz 3b",
            "tilestored [{c0} + {stride}*1], tmm0",
            "tilestored [{c1} + {stride}*1], tmm1",
            "tilestored [{c2} + {stride}*1], tmm2",
            "tilestored [{c3} + {stride}*1], tmm3",
            add = in(reg) u64::from(add),
            a = inout(reg) strips.as_ptr() => _,
            a_next = inout(reg) strips.as_ptr().add(half) => _,
            b = inout(reg) panels.as_ptr() => _,
            b_next = inout(reg) panels.as_ptr().add(half) => _,
            tiles = inout(reg) half / TILE_PAIRS => _,
            row = in(reg) 64_usize,
            stride = in(reg) stride * size_of::<f32>(),
            c0 = in(reg) corners[0],
            c1 = in(reg) corners[1],
            c2 = in(reg) corners[2],
            c3 = in(reg) corners[3],
            out("tmm0") _,
            out("tmm1") _,
            out("tmm2") _,
            out("tmm3") _,
            out("tmm4") _,
            out("tmm5") _,
            out("tmm6") _,
            out("tmm7") _,
            options(nostack),
        );
    }
}
