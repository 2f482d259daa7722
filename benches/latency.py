"""From close() of a write to the bytes on the terminal: benches/latency.py PROGRAM. Makes its own store in /dev/shm."""
import os,pty,sys,time,threading,random,re,shutil
store='/dev/shm/lat/mlruns'; shutil.rmtree('/dev/shm/lat',ignore_errors=True)
os.makedirs(store+'/0'); open(store+'/0/meta.yaml','w').write("experiment_id: '0'\nname: Default\nlifecycle_stage: active\nartifact_location: file:///x\n")
t0=int(time.time()*1000)
def run(i,st):
    p=f'{store}/0/{i:032x}'; os.makedirs(p)
    for d in 'metrics params tags artifacts'.split(): os.mkdir(p+'/'+d)
    open(p+'/meta.yaml','w').write(f"run_id: {i:032x}\nrun_name: run-{i}\nstatus: {st}\nstart_time: {t0+i}\nend_time: null\nexperiment_id: '0'\nlifecycle_stage: active\nuser_id: x\nartifact_uri: file:///x\n")
    return p
ps=[run(i,1 if i>=18 else 3) for i in range(20)]
for p in ps: open(p+'/metrics/loss','w').write(f'{t0} 0.5 0\n')
pid,fd=pty.fork()
if pid==0:
    os.environ['TERM']='xterm-256color'; os.environ['LC_ALL']='C.UTF-8'
    os.execv(sys.argv[1],['mltop',store])
import fcntl,termios,struct
fcntl.ioctl(fd,termios.TIOCSWINSZ,struct.pack('HHHH',36,120,0,0))
buf=[]; lock=threading.Lock()
def drain():
    try:
        while True:
            b=os.read(fd,65536); t=time.monotonic()
            with lock: buf.append((t,b))
    except OSError: pass
threading.Thread(target=drain,daemon=True).start()
time.sleep(2)
def wait(txt,t):
    end=time.monotonic()+3
    while time.monotonic()<end:
        with lock:
            for (tt,b) in buf:
                if tt>=t and txt in b: return tt-t
        time.sleep(0.0005)
    return None
lats=[]; step=1
for i in range(60):
    # digits change wholly so cells are rewritten: value alternates
    d=str(random.choice('123456789'))
    v=f'0.{d*4}'
    prev=getattr(wait,'prev',None)
    if prev==d: continue
    wait.prev=d
    with lock: buf.clear()
    f=open(ps[19]+'/metrics/loss','a'); f.write(f'{t0+step} {v} {step}\n'); f.close(); t=time.monotonic(); step+=1
    r=wait((d*4).encode(),t)
    lats.append(r)
    time.sleep(0.25+random.random()*0.1)
ok=sorted(x*1000 for x in lats if x is not None)
print('points',len(lats),'missed',sum(x is None for x in lats),'p50 %.0f ms p95 %.0f max %.0f'%(ok[len(ok)//2],ok[int(len(ok)*.95)],ok[-1]))
lats=[]
for i in range(5):
    with lock: buf.clear()
    p=ps[19]+'/meta.yaml'; s=open(p).read(); st=[3,4,5,1,3][i]
    open(p,'w').write(re.sub(r'status: \d',f'status: {st}',s)); t=time.monotonic()
    lats.append(wait([b'ok',b'fail',b'kill',b'run',b'ok'][i] ,t)); time.sleep(0.5)
print('states',lats)
os.write(fd,b'q')
