"""From start to the first frame, the first rows and the word `live`, medians of 7: benches/first_frame.py PROGRAM STORE..."""
import os,pty,sys,time,fcntl,termios,struct,select
def one(store):
    t=time.monotonic(); pid,fd=pty.fork()
    if pid==0:
        os.environ['TERM']='xterm-256color'; os.environ['LC_ALL']='C.UTF-8'
        os.execv(sys.argv[1],['mltop',store])
    fcntl.ioctl(fd,termios.TIOCSWINSZ,struct.pack('HHHH',36,120,0,0))
    first=rows=done=None; data=b''
    while time.monotonic()-t<20:
        r,_,_=select.select([fd],[],[],0.5)
        if not r: 
            if done: break
            continue
        data+=os.read(fd,65536); n=time.monotonic()-t
        if first is None and b'Runs' in data: first=n
        if rows is None and 'STATE'.encode() in data: rows=n
        if done is None and b'live' in data: done=n; break
    os.write(fd,b'q'); time.sleep(0.2)
    try: os.kill(pid,9)
    except: pass
    os.waitpid(pid,0); os.close(fd)
    return first,rows,done
for s in sys.argv[2:]:
    r=[one(s) for _ in range(7)]
    med=lambda i: sorted(x[i] or 99 for x in r)[3]*1000
    print(s,'first frame %.0f ms, first rows %.0f ms, live %.0f ms'%(med(0),med(1),med(2)))
